"""Where the data is: in the working directory, or elsewhere if the server cannot own it there."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pgdurable.embedded.account import let_through

if TYPE_CHECKING:
    import pwd


def default_data_dir(version: int, account: pwd.struct_passwd | None) -> Path:
    here = Path.cwd()
    digest = hashlib.sha256(os.fsencode(here)).hexdigest()[:8]
    elsewhere = Path("/var/tmp", f"pgdurable-{here.name or 'root'}-{digest}")
    try:
        return usable(here / ".pgdurable" / f"pg{version}", account)
    except OSError:
        return usable(elsewhere / f"pg{version}", account)


def usable(data_dir: Path, account: pwd.struct_passwd | None) -> Path:
    """The directory itself if the server can own it, else OSError: a read-only or mounted folder."""
    make_parent(data_dir, account)
    ours = {os.geteuid(), account.pw_uid if account else os.geteuid()}
    if data_dir.exists():
        if data_dir.stat().st_uid not in ours:
            raise PermissionError(errno.EPERM, "belongs to another user", str(data_dir))
    else:
        make_private(data_dir, account)
    return data_dir


def make_parent(data_dir: Path, account: pwd.struct_passwd | None) -> None:
    parent = data_dir.parent
    parent.mkdir(parents=True, exist_ok=True)
    if parent.name == ".pgdurable" and not (ignore := parent / ".gitignore").exists():
        ignore.write_text("*\n")
    if account is not None:
        let_through(data_dir)


def make_private(directory: Path, account: pwd.struct_passwd | None) -> None:
    directory.mkdir(mode=0o700)
    if account is not None:
        os.chown(directory, account.pw_uid, account.pw_gid)
