"""Who lacks the library of an extension is told what to install, and who does not use it is spared it."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from pgdurable.ext.extras import needs

EXTRAS = {
    "adk": ("google.adk", "adk", "RestatePlugin"),
    "langchain": ("langchain", "langchain", "RestateMiddleware"),
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


@pytest.mark.parametrize("missing", ["google", "google.adk", "google.adk.agents", "pydantic"])
def test_whatever_of_it_is_missing_is_said(missing: str) -> None:
    with pytest.raises(ImportError, match=r"needs google\.adk.*'pgdurable\[adk\]'"), LIBRARY:
        raise ModuleNotFoundError(name=missing)


def test_what_is_missing_beside_it_is_said_as_ever() -> None:
    with pytest.raises(ModuleNotFoundError), LIBRARY:
        raise ModuleNotFoundError(name="googleapi")


LIBRARY = needs("google.adk", "pydantic", extra="adk")


def test_nothing_of_it_is_imported_with_pgdurable() -> None:
    libraries = {library for library, *_ in EXTRAS.values()} | {"pydantic"}
    program = f"import sys, pgdurable.testing, pgdurable.node; print({libraries} & sys.modules.keys())"
    printed = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert printed.stdout == "set()\n"
