"""make upgrade: the code before this one runs under load, the schema is migrated, its processes are replaced.

Forward, and where the code before fits the new schema, back again. Where it does not, it has to stop by
itself and say so. In all cases every request is answered, nothing is done twice and no attempt is charged.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pgdurable.embedded import EmbeddedPostgres
from pgdurable.embedded.account import let_through
from pgdurable.embedded.ephemeral import SETTINGS, free_port
from tests.upgrade.checks import check
from tests.upgrade.crew import OUTDATED, PATIENCE, Member
from tests.upgrade.load import Load
from tests.upgrade.releases import NoRelease, Release, before, this

KINDS = ("worker", "worker", "ingress")
ANSWERS = 40
"""Between two changes."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="make upgrade", description=__doc__)
    parser.add_argument(
        "--base", metavar="COMMIT", help="Upgrade from this one [default: the release before]."
    )
    wanted = parser.parse_args().base
    with tempfile.TemporaryDirectory(prefix="pgdurable-upgrade-") as name:
        folder = Path(name)
        try:
            old = before(folder / "before", wanted)
        except NoRelease as error:
            say(f"upgrade: skipped, {error}")
            return 0
        server = EmbeddedPostgres(folder / "server", port=free_port(), settings=SETTINGS)
        let_through(folder / "server")
        server.start()
        try:
            Upgrade(old, this(), server.dsn(), folder).run()
        finally:
            server.stop()
    say("upgrade: passed")
    return 0


class Upgrade:
    """The story."""

    def __init__(self, old: Release, new: Release, dsn: str, folder: Path) -> None:
        self._old = old
        self._new = new
        self._dsn = dsn
        self._folder = folder
        self._crew: list[Member] = []

    def run(self) -> None:
        say(f"from {self._old.name} to {self._new.name}")
        say(self._migrate(self._old))
        try:
            self._crew = [self._begin(self._old, kind) for kind in KINDS]
            for member in self._crew:
                member.await_ready()
            load = Load(lambda: list(self._crew))
            try:
                self._change(load)
            finally:
                load.stop()
            for member in self._crew:
                member.stop()
        finally:
            for member in self._crew:
                member.kill()
        say(check(self._dsn, self._folder / "ledger", load.answers))

    def _change(self, load: Load) -> None:
        load.more(ANSWERS)
        say(self._migrate(self._new))
        time.sleep(1)  # nothing is waited for: an old process may stop by itself now, or not
        stays = self._old_stays(load)
        self._replace(load, self._new)
        if stays:
            self._replace(load, self._old)

    def _old_stays(self, load: Load) -> bool:
        """Whether the old release goes on with the new schema. If not, all of its processes stop."""
        stopped = [member for member in self._crew if member.exit_code is not None]
        if not stopped:
            load.more(ANSWERS)
            stopped = [member for member in self._crew if member.exit_code is not None]
        if not stopped:
            say(f"{self._old.name} goes on with the new schema")
            return True
        deadline = time.monotonic() + PATIENCE
        for member in self._crew:
            while member.exit_code is None:
                assert time.monotonic() < deadline, (
                    f"{member} goes on where others have stopped:\n{member.log}"
                )
                time.sleep(0.05)
            assert member.exit_code == OUTDATED, f"{member} ended with {member.exit_code}:\n{member.log}"
        say(f"{self._old.name} has stopped: {stopped[0].log.splitlines()[-1]}")
        return False

    def _replace(self, load: Load, release: Release) -> None:
        """One after the other, while requests come in. All of the new ones import their code at once."""
        others = [self._begin(release, member.kind) for member in self._crew]
        try:
            for place, other in enumerate(others):
                other.await_ready()
                member, self._crew[place] = self._crew[place], other
                member.stop()
                load.more(ANSWERS // 4)
        finally:
            for other in set(others) - set(self._crew):
                other.kill()
        say(f"all processes are of {release.name}, {len(load.answers)} answers so far")

    def _begin(self, release: Release, kind: str) -> Member:
        return Member(release, kind, self._dsn, self._folder)

    def _migrate(self, release: Release) -> str:
        done = subprocess.run(
            release.command("migrate", "--dsn", self._dsn),
            cwd=self._folder,
            env=release.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"pgdurable migrate of {release.name}: {done.stderr}"
        return f"{release.name}: {done.stdout.strip()}"


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 (what the command is for)


if __name__ == "__main__":
    sys.exit(main())
