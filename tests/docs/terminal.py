"""Runs the console blocks of a page, as a reader would: in a directory with the examples in it.

The ports that a page names are replaced by free ones, and whatever it starts is started by `Dev` or, for
other processes that stay, as a process that ends with the page. What a page shows is not always there at
once, and readers are slower than tests: a command that only looks is repeated until it shows what the page
says.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from typing import TYPE_CHECKING, Final, Self

from tests.acceptance.dev import ROOT, Dev, until
from tests.docs.pages import Names, commands

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    from tests.docs.pages import Block, Command

CTRL_C: Final = "^C"
KILL: Final = "kill -9 $(pgrep -f 'pgdurable dev')"
DEV: Final = re.compile(r"((?:[A-Z_]+=\S+ )*)(?:pgdurable dev (\S+)|make demo)")
STAYS: Final = re.compile(r"pgdurable (worker|ingress)\b")
WATCHES: Final = re.compile(r"pgdurable .* -w\b")
LOOKS: Final = re.compile(
    r"pgdurable \S+ (list|describe|get)\b|pgdurable (sql|status)\b|psql |cat |grep |wc "
    r"|curl \S+/(output|status)$"
)


class Terminal:
    """The terminals of one page. With ``dsn``, `pgdurable dev` and `psql` use that database, which is there
    sooner than an embedded server of their own.
    """

    def __init__(self, folder: Path, dsn: str | None = None) -> None:
        self.folder = folder / "work"
        self.folder.mkdir()
        shutil.copytree(
            ROOT / "examples", self.folder / "examples", ignore=shutil.ignore_patterns("__pycache__")
        )
        self.dev = Dev(folder, "", cwd=self.folder)
        self._variables: dict[str, str] = {}
        if dsn is not None:
            self.dev.own_database = False
            self.dev.dsn = dsn
            self._variables = {"PGDURABLE_DSN": dsn}
        self._running = False
        self._reloads = 0
        self._others: list[subprocess.Popen[str]] = []
        self._names = Names()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for other in self._others:
            other.kill()
            other.wait()
        self.dev.close()

    def write(self, name: str, text: str) -> None:
        place = self.folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def apply(self, block: Block) -> None:
        """An edit."""
        done = subprocess.run(
            ["git", "apply", "-"],
            input=block.text,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
        )
        assert done.returncode == 0, f"{block}: {done.stderr}"
        if self._running:
            self._reloads += 1
            until(lambda: self.dev.reloads() == self._reloads, f"{block} is reloaded", self.dev.output)

    def run(self, block: Block) -> None:
        for command in commands(block):
            try:
                self._run(command)
            except AssertionError as error:
                raise AssertionError(
                    f"{block}: $ {command.line}\n{error}\n--- dev:\n{self.dev.output()}"
                ) from None

    def _run(self, command: Command) -> None:
        if (started := DEV.fullmatch(command.line)) is not None:
            self._start(started[1], started[2] or "examples/tour/app.py", command)
        elif command.line == KILL:
            self.dev.kill()
            self._running = False
        elif STAYS.match(command.line) or WATCHES.match(command.line):
            self._stay(command)
        else:
            self._once(command)

    def _start(self, variables: str, app: str, command: Command) -> None:
        """`pgdurable dev`; a `^C` in what it prints is pressed there."""
        if self._running:  # the page has told the reader to stop it first
            assert self.dev.interrupt() in (0, 130), "Ctrl-C"
        before = len(self.dev.output())
        self.dev.app = app
        self.dev.environment = self._variables | dict(pair.split("=", 1) for pair in variables.split())
        self.dev.start()
        self._running = True
        expected = command.expected
        if CTRL_C in expected:
            place = expected.index(CTRL_C)
            self._expect(expected[:place], lambda: self.dev.output()[before:])
            before = len(self.dev.output())
            assert self.dev.interrupt() in (0, 130)
            self._running = False
            expected = expected[place + 1 :]
        self._expect(expected, lambda: self.dev.output()[before:])

    def _stay(self, command: Command) -> None:
        """Something that goes on until the page ends, or until it has shown what the page says."""
        log = self.folder.parent / f"{len(self._others)}.log"
        with log.open("w") as out:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {self._here(command.line)}"],
                stdout=out,
                stderr=subprocess.STDOUT,
                text=True,
                cwd=self.folder,
                env=self.dev.commands,
            )
        self._others.append(process)
        self._expect(command.expected, log.read_text)
        if WATCHES.match(command.line):
            process.send_signal(signal.SIGINT)
            process.wait(10)

    def _once(self, command: Command) -> None:
        def typed() -> str:
            done = self.dev.shell(self._here(command.line))
            return done.stdout + done.stderr

        if LOOKS.match(command.line):
            self._expect(command.expected, typed)
        else:
            printed = typed()
            self._expect(command.expected, lambda: printed, at_once=True)

    def _expect(self, expected: list[str], printed: Callable[[], str], *, at_once: bool = False) -> None:
        def evidence() -> str:
            wanted = "\n".join(self._there(line) for line in expected)
            return f"--- expected:\n{wanted}\n--- printed:\n{self._there(printed())}"

        def shown() -> bool:
            return self._names.matches(expected, self._there(printed()))

        if at_once:
            assert shown(), evidence()
        else:
            until(shown, "it prints what the page says", evidence)

    def _here(self, typed: str) -> str:
        """A command with this run's ports and ids."""
        ports = self.dev.ports
        if not self.dev.own_database:
            typed = typed.replace("psql -h localhost -p 9071", "psql $PGDURABLE_DSN")
        return (
            self._names.fill_in(typed)
            .replace("localhost:8080", f"localhost:{ports.ingress}")
            .replace("localhost:9070", f"localhost:{ports.admin}")
            .replace("localhost:9071", f"localhost:{ports.postgres}")
            .replace("-p 9071", f"-p {ports.postgres}")
        )

    def _there(self, printed: str) -> str:
        """What was printed, with the ports that a page has."""
        ports = self.dev.ports
        return (
            printed.replace(str(ports.ingress), "8080")
            .replace(str(ports.admin), "9070")
            .replace(str(ports.postgres), "9071")
            .replace(str(self.dev.data), ".pgdurable")
        )
