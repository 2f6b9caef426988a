"""Makes the blocking client from the async one: the same methods without `await`. `make twin` writes it.

Everything that differs is in `WORDS`. A test asks that what is committed is what this program writes.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "pgdurable" / "client"
TWINS: Final = {"client.py": "sync_client.py", "handles.py": "sync_handles.py", "scoped.py": "sync_scoped.py"}

WORDS: Final = (
    (r"\basync (def|with|for)\b", r"\1"),
    (r"\bawait ", ""),
    (r"\b__a(enter|exit)__\b", r"__\1__"),
    (r"\bdrive_async\b", "drive_sync"),
    (r"\bAsyncPerformer\b", "SyncPerformer"),
    (r"\bAsyncConnection\b", "Connection"),
    (r"\basyncio\b", "threading"),
    (r"\b((?:Scoped)?Client)\b", r"Sync\1"),
    (r"\b((?:Invocation|ClientSend|Promise|State)Handle)\b", r"Sync\1"),
    (r"\bpgdurable\.client\.(handles|scoped)\b", r"pgdurable.client.sync_\1"),
    (r"\bpgdurable\.connect\b", "pgdurable.connect_sync"),
    (r"\bThe async client\b", "The blocking client"),
    (r"\ban async client\b", "a blocking client"),
    (r"\bAn async client's\b", "A blocking client's"),
    (r"``async with``", "``with``"),
    (r"\bnumber of tasks\b", "number of threads"),
    (r"[;.]? Restate's name for it is ``\w+``(?=\.)", ""),
)


def twin_of(source: str, text: str) -> str:
    """The blocking form of a module."""
    for pattern, replacement in WORDS:
        text = re.sub(pattern, replacement, text)
    title, rest = text.split('"""\n', 1)
    note = f"Made from `{source}` by `make twin`; not edited by hand."
    return formatted(f'{title}\n\n{note}\n"""\n{rest}')


def formatted(text: str) -> str:
    for command in (["check", "--select=I", "--fix", "--quiet"], ["format"]):
        call = [sys.executable, "-m", "ruff", *command, "--stdin-filename", "pgdurable/client/twin.py", "-"]
        text = subprocess.run(call, cwd=ROOT, input=text, capture_output=True, text=True, check=True).stdout
    return text


def render_all() -> dict[Path, str]:
    """Every blocking module, by its file."""
    return {FOLDER / twin: twin_of(source, (FOLDER / source).read_text()) for source, twin in TWINS.items()}


if __name__ == "__main__":
    for path, text in render_all().items():
        path.write_text(text)
