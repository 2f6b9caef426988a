"""Who lacks the library of an extension is told what to install, and who does not use it is spared it."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

EXTRAS = {
    "openai": ("agents", "openai", "DurableRunner"),
    "pydantic": ("pydantic_ai", "pydantic-ai", "RestateAgent"),
    "tracing": ("opentelemetry", "tracing", "RestateTracer"),
}
"""By extension: its library, the extra that installs it, and one of its names."""


@pytest.mark.parametrize("extension", EXTRAS)
def test_a_missing_library_is_said_with_its_extra(extension: str, monkeypatch: pytest.MonkeyPatch) -> None:
    library, extra, name = EXTRAS[extension]
    module = f"pgdurable.ext.{extension}"
    for loaded in [
        loaded for loaded in sys.modules if f"{loaded}.".startswith((f"{module}.", f"{library}."))
    ]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=rf"pip install 'pgdurable\[{extra}\]'"):
        getattr(importlib.import_module(module), name)


def test_nothing_of_it_is_imported_with_pgdurable() -> None:
    libraries = {library for library, *_ in EXTRAS.values()} | {"pydantic"}
    program = f"import sys, pgdurable.testing, pgdurable.node; print({libraries} & sys.modules.keys())"
    printed = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert printed.stdout == "set()\n"
