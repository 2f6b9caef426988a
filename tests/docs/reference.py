"""The reference of the Python API, made from signatures and docstrings. `make reference` writes it.

What a page holds is in `PAGES`; a test asks that every public name is on one of them, and that the pages are
what this program writes.
"""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import griffe

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "docs/reference/python"
SOURCES: Final = (".", "sdk")
WIDTH: Final = 100
INTERNAL: Final = {
    "Client.backend",
    "Client.run",
    "InvocationRetryPolicy.over",
    "RunOptions.delay",
    "RunOptions.exhausted",
    "SyncClient.backend",
    "SyncClient.run",
    "_Definition.explicit_recovery",
    "_Definition.manifest",
}
"""Members of public classes that are for the engine."""

CONSTRUCTED: Final = {
    "App",
    "HttpError",
    "RetryableError",
    "Service",
    "RestateAgent",
    "RestateEventSummarizer",
    "RestateMiddleware",
    "RestateModelWrapper",
    "RestatePlugin",
    "RestateTracer",
    "RestateTracerProvider",
    "TerminalError",
    "Turnstile",
    "VirtualObject",
    "Workflow",
}
"""Classes, beside dataclasses, that users make instances of."""

Documented = griffe.Class | griffe.Function | griffe.Attribute


class Page(NamedTuple):
    """``names`` are dotted, as a user imports them."""

    title: str
    text: str
    names: tuple[str, ...]


PAGES: Final = {
    "definitions": Page(
        "Definitions",
        "What is served: services, virtual objects, workflows, and the app that they make together.",
        (
            "pgdurable.Service",
            "pgdurable.VirtualObject",
            "pgdurable.Workflow",
            "pgdurable.InvocationRetryPolicy",
            "pgdurable._preview.explicit_recovery",
            "pgdurable.app",
            "pgdurable.App",
            "pgdurable.JournalValueCodec",
            "pgdurable.JournalValueCodecProvider",
        ),
    ),
    "contexts": Page(
        "Contexts",
        "What a handler is given as its first argument. Each kind of handler has a type of its own.",
        (
            "pgdurable.Context",
            "pgdurable.ObjectContext",
            "pgdurable.ObjectSharedContext",
            "pgdurable.WorkflowContext",
            "pgdurable.WorkflowSharedContext",
            "pgdurable.ScopedContext",
            "pgdurable.Request",
            "pgdurable.RunOptions",
            "pgdurable.DurablePromise",
        ),
    ),
    "futures": Page(
        "Futures and combinators",
        "What contexts return, and how several are awaited together. All of them replay as they happened.",
        (
            "pgdurable.DurableFuture",
            "pgdurable.CallFuture",
            "pgdurable.SleepFuture",
            "pgdurable.SendHandle",
            "pgdurable.gather",
            "pgdurable.all_settled",
            "pgdurable.all_succeeded",
            "pgdurable.any_succeeded",
            "pgdurable.race",
            "pgdurable.select",
            "pgdurable.wait_completed",
            "pgdurable.as_completed",
        ),
    ),
    "sync": Page(
        "Handlers that are plain functions",
        "A handler declared with `def` runs in a thread and gets a context whose methods return results.",
        (
            "pgdurable.SyncContext",
            "pgdurable.SyncFuture",
            "pgdurable.SyncPromise",
            "pgdurable.SyncScopedContext",
            "pgdurable.SyncSendHandle",
        ),
    ),
    "client": Page(
        "Clients",
        "Programs that invoke handlers from outside: over the database itself, or over HTTP.",
        (
            "pgdurable.connect",
            "pgdurable.create_client",
            "pgdurable.Client",
            "pgdurable.InvocationHandle",
            "pgdurable.ClientSendHandle",
            "pgdurable.ScopedClient",
            "pgdurable.PromiseHandle",
            "pgdurable.StateHandle",
            "pgdurable.HttpError",
            "pgdurable.InvocationFailed",
            "pgdurable.ConnectError",
        ),
    ),
    "extensions": Page(
        "Extensions",
        "What works together with other libraries, and what such libraries are made with.",
        (
            "pgdurable.extensions.current_context",
            "pgdurable.extensions.contextvar",
            "pgdurable.extensions.in_turn",
            "pgdurable.ext.turnstile.Turnstile",
            "pgdurable.ext.tracing.RestateTracer",
            "pgdurable.ext.tracing.RestateTracerProvider",
            "pgdurable.ext.pydantic.PydanticTypeAdapter",
            "pgdurable.ext.pydantic.RestateAgent",
            "pgdurable.ext.pydantic.RestateModelWrapper",
            "pgdurable.ext.pydantic.RestateContextRunToolSet",
            "pgdurable.ext.openai.DurableRunner",
            "pgdurable.ext.openai.durable_function_tool",
            "pgdurable.ext.openai.RestateSession",
            "pgdurable.ext.openai.raise_terminal_errors",
            "pgdurable.ext.openai.propagate_cancellation",
            "pgdurable.ext.adk.RestatePlugin",
            "pgdurable.ext.adk.RestateSessionService",
            "pgdurable.ext.adk.RestateEventSummarizer",
            "pgdurable.ext.langchain.RestateMiddleware",
            "pgdurable.ext.pydantic.restate_context",
            "pgdurable.ext.pydantic.restate_object_context",
        ),
    ),
    "testing": Page(
        "Testing",
        "The engine in a test's own event loop, on a database that nobody keeps or in memory.",
        (
            "pgdurable.testing.harness",
            "pgdurable.testing.Harness",
            "pgdurable.testing.in_memory",
            "pgdurable.testing.InMemoryHarness",
            "pgdurable.testing.Failure",
            "pgdurable.create_test_harness",
            "pgdurable.HarnessEnvironment",
        ),
    ),
    "client_sync": Page(
        "Blocking clients",
        "The same without `await`, for programs without an event loop. May be used from several threads.",
        (
            "pgdurable.connect_sync",
            "pgdurable.SyncClient",
            "pgdurable.SyncInvocationHandle",
            "pgdurable.SyncClientSendHandle",
            "pgdurable.SyncScopedClient",
            "pgdurable.SyncPromiseHandle",
            "pgdurable.SyncStateHandle",
        ),
    ),
    "errors": Page(
        "Errors",
        "What handlers raise and catch, and what passes through them.",
        (
            "pgdurable.TerminalError",
            "pgdurable.Cancelled",
            "pgdurable.RetryableError",
            "pgdurable.DefinitionError",
            "pgdurable.SerdeError",
            "pgdurable.CodecError",
            "pgdurable.UsageError",
            "pgdurable.SdkInternalBaseException",
            "pgdurable.SuspendedException",
            "pgdurable.is_internal_exception",
        ),
    ),
    "logging": Page(
        "Logging",
        "Loggers that do not repeat what a replay repeats.",
        ("pgdurable.getLogger", "pgdurable.RestateLoggingFilter"),
    ),
}

ALIASES: Final = {
    "RestateClient": "Client",
    "RestateScopedClient": "ScopedClient",
    "RestateClientSendHandle": "ClientSendHandle",
    "RestateDurableCallFuture": "CallFuture",
    "RestateDurableFuture": "DurableFuture",
    "RestateDurableSleepFuture": "SleepFuture",
    "test_harness": "create_test_harness",
}
"""Restate's names for what has another one here."""


def render_all() -> dict[Path, str]:
    """Every page, by the file it belongs into."""
    packages = griffe.GriffeLoader(search_paths=[ROOT / source for source in SOURCES])
    packages.load("pgdurable_sdk")
    root = packages.load("pgdurable")
    packages.resolve_aliases(implicit=True)
    return {FOLDER / f"{file}.md": _page(root, page) for file, page in PAGES.items()}


def _page(root: griffe.Object | griffe.Alias, page: Page) -> str:
    parts = [f"# {page.title}", page.text, "Made from the code by `make reference`; not edited by hand."]
    for name in page.names:
        found = root[name.removeprefix("pgdurable.")]
        target = found.final_target if isinstance(found, griffe.Alias) else found
        assert isinstance(target, griffe.Class | griffe.Function | griffe.Attribute), name
        parts += _entry(name, target)
    return _formatted("\n\n".join(parts) + "\n")


def _entry(name: str, target: Documented) -> Iterator[str]:
    yield f"## `{name}`"
    if isinstance(target, griffe.Class):
        yield from _class(target)
    elif isinstance(target, griffe.Function):
        yield _signature(target)
        yield from _docstring(target)
    else:
        yield from _docstring(target)


def _class(target: griffe.Class) -> Iterator[str]:
    bases = [str(base) for base in target.bases]
    if any(base.endswith(("Error", "Exception")) for base in bases):
        yield f"A kind of `{bases[0]}`."
    if all(base.endswith("Context") for base in bases) and bases:
        yield f"All of {' and '.join(f'`{base}`' for base in bases)}, too."
    yield from _docstring(target)
    if target.name in CONSTRUCTED:
        constructor = target.all_members["__init__"]
        assert isinstance(constructor, griffe.Function | griffe.Alias)
        yield _signature(_function(constructor), f"class {target.name}")
    members = {member.name: member for member in _members(target)}
    if fields := [member for member in members.values() if isinstance(member, griffe.Attribute)]:
        yield _table(fields)
    for member in members.values():
        if isinstance(member, griffe.Function):
            yield f"### `{target.name}.{member.name}`"
            yield _signature(member)
            yield from _docstring(member)


def _members(target: griffe.Class) -> Iterator[griffe.Function | griffe.Attribute]:
    """What users call: of the class itself, and of bases that have no page of their own."""
    for base in target.resolved_bases:
        if isinstance(base, griffe.Class) and base.name.startswith("_"):
            yield from _members(base)
    for member in target.members.values():
        if member.name.startswith("_") or f"{target.name}.{member.name}" in INTERNAL:
            continue
        # What a class keeps for itself has no docstring; the fields of a record speak for themselves.
        told = isinstance(member, griffe.Function) or member.has_docstring or _is_dataclass(target)
        if told and isinstance(member, griffe.Function | griffe.Attribute):
            yield member


def _function(member: griffe.Function | griffe.Alias) -> griffe.Function:
    target = member.final_target if isinstance(member, griffe.Alias) else member
    assert isinstance(target, griffe.Function)
    return target


def _is_dataclass(target: griffe.Class) -> bool:
    return "dataclass" in target.labels


def _signature(function: griffe.Function, within: str = "") -> str:
    """A block of Python that compiles. Of overloads, the first says most."""
    shown = function.overloads[0] if function.overloads else function
    text = shown.signature(name=function.name)
    kind = "async def" if "async" in shown.labels else "def"
    if within:
        return f"```python\n{within}:\n    {kind} {text}: ...\n```"
    text = re.sub(r"\((self|cls)(, )?", "(", text, count=1)
    return f"```python\n{kind} {text}: ...\n```"


def _table(fields: list[griffe.Attribute]) -> str:
    rows = ["| field | type | default | |", "|---|---|---|---|"]
    for field in fields:
        default = "" if field.value is None else f"`{field.value}`"
        text = "" if field.docstring is None else _flowing(field.docstring.value)
        annotation = str(field.annotation or "").replace("|", "\\|")
        rows.append(f"| `{field.name}` | `{annotation}` | {default} | {text} |")
    return "\n".join(rows)


def _docstring(target: Documented) -> Iterator[str]:
    if target.docstring is None:
        return
    for part in re.split(r"\n\n(?=\S)", target.docstring.value.replace("``", "`")):
        text, literal, block = part.partition("::\n\n")
        yield text if not literal else f"{text}:\n\n```text\n{textwrap.dedent(block)}\n```"


def _flowing(text: str) -> str:
    return " ".join(text.replace("``", "`").replace("|", "\\|").split())


def _formatted(page: str) -> str:
    """With its signatures laid out as the rest of our code."""
    blocks = re.findall(r"```python\n(.*?)\n```", page, re.DOTALL)
    divider = "\n\n# divider\n\n"
    laid_out = subprocess.run(
        [
            Path(sys.executable).with_name("ruff"),
            "format",
            "--line-length",
            str(WIDTH),
            "--stdin-filename=x.py",
            "-",
        ],
        input=divider.join(blocks),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    signatures = iter(part.strip() for part in laid_out.split("# divider"))
    return re.sub(
        r"```python\n.*?\n```", lambda _: f"```python\n{next(signatures)}\n```", page, flags=re.DOTALL
    )


def main() -> None:
    """Write the pages."""
    FOLDER.mkdir(exist_ok=True)
    for path, text in render_all().items():
        path.write_text(text)


if __name__ == "__main__":
    main()
