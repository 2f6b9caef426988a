"""The documentation as programs: pages, their blocks of code, and what a console block expects to see.

A fenced block is checked by its language:

python   compiles. With `# name.py` as first line it is that file, from then on in this page; with
         `# from name.py` it is a part of that file of ours, word for word.
console  `$ command` and below it what it prints. The commands of a page are run in order, in one directory.
diff     is applied to the files of the page, as the reader does in an editor.
sql      runs on a database with pgdurable's schema.
text     is read by people only.

In what a command prints, `...` stands for anything: within a line, or for any number of lines when it is
alone. Widths of columns do not matter. Times, dates, counts of seconds and of attempts stand for any such.
The id of an invocation or of an awakeable and a UUID are names: they mean the same wherever the page has
them, in what is printed and in what is typed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
LANGUAGES: Final = {"python", "console", "diff", "sql", "text"}
FENCE: Final = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ID: Final = re.compile(
    r"\binv_1[0-9a-zA-Z]{33}\b|\bsign_1[\w-]{38}|\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b"
)
ANY: Final = "..."

# What differs from run to run, and how it is compared. Order matters.
VARIABLE: Final = (
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)?( UTC)?"), "<date>"),
    (re.compile(r"\b\d\d:\d\d:\d\d\b"), "<date>"),
    (re.compile(r"\b(just now|now)\b"), "<time>"),
    (re.compile(r"\b(in )?(\d+(\.\d+)? ?(us|µs|ms|s|m|min|h|d|seconds?|minutes?)\b ?)+(ago\b)?"), "<time> "),
    (re.compile(r"×\d+|\b\d+ failed attempts?\b|(?<=Failed attempts)\s+\d+"), " <attempts>"),  # noqa: RUF001
    (re.compile(r"-{2,}"), "--"),
    (re.compile(r"\s+"), " "),
)


@dataclass(frozen=True, slots=True)
class Block:
    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def file_name(self) -> str | None:
        """The file that a Python block says it is."""
        found = re.match(r"# ([\w/]+\.py)\n", self.text)
        return found[1] if found else None

    @property
    def excerpt_of(self) -> tuple[Path, str] | None:
        """The file of ours that it is a part of, and that part."""
        found = re.match(r"# from ([\w/]+\.py)\n+", self.text)
        return (ROOT / found[1], self.text[found.end() :]) if found else None


@dataclass(frozen=True, slots=True)
class Command:
    """A line after `$`, and the lines that are expected from it."""

    line: str
    expected: list[str]


def pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *examples()]


def examples() -> list[Path]:
    return sorted((ROOT / "examples").rglob("README.md"))


def blocks(page: Path) -> list[Block]:
    text = page.read_text()
    return [
        Block(page, text.count("\n", 0, found.start()) + 1, found[1], found[2])
        for found in FENCE.finditer(text)
    ]


def commands(block: Block) -> list[Command]:
    """A command that goes on in the next line ends with a backslash, as in a shell."""
    found: list[Command] = []
    lines = iter(block.text.splitlines())
    for line in lines:
        if line.startswith("$ "):
            typed = line[2:]
            while typed.endswith("\\"):
                typed = f"{typed[:-1].rstrip()} {next(lines).strip()}"
            found.append(Command(typed, []))
        else:
            assert found, f"{block}: output before the first command"
            found[-1].expected.append(line)
    return found


class Names:
    """What the ids of a page stand for in this run."""

    def __init__(self) -> None:
        self._actual: dict[str, str] = {}

    def fill_in(self, typed: str) -> str:
        """A command with the ids of this run."""
        return ID.sub(lambda found: self._actual.get(found[0], found[0]), typed)

    def matches(self, expected: list[str], printed: str) -> bool:
        """Whether this is what a page says. What its new ids stand for is then known."""
        text = "".join(f"{line}\n" for line in normal(printed.splitlines()))
        found = re.fullmatch(self._pattern(expected), text)
        if found is None:
            return False
        self._actual |= {name: found[group(name)] for name in self._new(expected)}
        return True

    def _new(self, expected: list[str]) -> set[str]:
        return set(ID.findall("\n".join(expected))) - self._actual.keys()

    def _pattern(self, expected: list[str]) -> str:
        """For text in which every line ends with a line end."""
        seen: set[str] = set()
        return "".join(
            r"(?:.*\n)*?" if line == ANY else self._line_pattern(line, seen) + r"\n"
            for line in normal(expected)
        )

    def _line_pattern(self, line: str, seen: set[str]) -> str:
        parts: list[str] = []
        for part in re.split(rf"({ID.pattern}|{re.escape(ANY)})", line):
            if part == ANY:
                parts.append(".*?")
            elif not ID.fullmatch(part):
                parts.append(re.escape(part))
            elif part in self._actual:
                parts.append(self._actual[part])
            elif part in seen:
                parts.append(f"(?P={group(part)})")
            else:
                seen.add(part)
                parts.append(f"(?P<{group(part)}>{ID.pattern})")
        return "".join(parts)


def group(id: str) -> str:
    return f"id_{id.replace('-', '_')}"


def normal(lines: list[str]) -> list[str]:
    """Lines in the form in which they are compared; empty ones do not count."""
    found = ("".join(map(variable, re.split(f"({ID.pattern})", line))).strip() for line in lines)
    return [line for line in found if line]


def variable(part: str) -> str:
    """A part of a line without what differs from run to run. Ids are compared as they are."""
    if not ID.fullmatch(part):
        for pattern, name in VARIABLE:
            part = pattern.sub(name, part)
    return part
