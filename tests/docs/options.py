"""The reference of options, made from the declarations that take them. `make reference` writes it, too.

What an option means is its docstring; of whom it is, the TypedDicts that have it; its default, `Settings`.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import griffe

from pgdurable.config import Settings
from pgdurable_sdk.options import KeyedOptions, MainOptions, Options, ServiceOptions
from pgdurable_sdk.retry import InvocationRetryPolicy

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs/reference/options.md"
OWNERS: Final[dict[str, Any]] = {
    "services": ServiceOptions,
    "objects, workflows": KeyedOptions,
    "main handlers": MainOptions,
}
NAMED: Final = {
    frozenset(OWNERS): "all",
    frozenset({"services", "objects, workflows"}): "all but main handlers",
    frozenset({"objects, workflows", "main handlers"}): "objects, workflows",
    frozenset({"main handlers"}): "main handlers",
}
UNSET: Final = {
    "metadata": "none",
    "ingress_private": "public",
    "invocation_retry_policy": "[below](#retry-policy)",
    "invocation_context_managers": "none",
    "enable_lazy_state": "",
    "state_preload": "`True`",
}
"""Of what is no setting of the engine."""

INTRODUCTION: Final = """\
# Options

Made from the code by `make reference`; not edited by hand.

Options are keywords of `Service(...)`, `VirtualObject(...)` and `Workflow(...)`, and again of their
handlers. What a handler says goes before what its service says, and that before the
[settings](../operations.md#settings) of the process. A value that cannot be meant, such as a negative
duration, is refused where it is declared.

```python
from datetime import timedelta

from pgdurable import Context, InvocationRetryPolicy, Service

billing = Service(
    "Billing",
    description="Charges cards",
    invocation_retry_policy=InvocationRetryPolicy(max_attempts=10, on_max_attempts="kill"),
    journal_retention=timedelta(days=7),
)


@billing.handler(abort_timeout=timedelta(hours=1), ingress_private=True)
async def charge(ctx: Context, cents: int) -> None: ...
```
"""
PARAMETERS: Final = """\
## Parameters that are not inherited

| parameter | of | default | |
|---|---|---|---|
| `name` | all | of handlers: the function's | The name to call it by. |
| `description` | services, objects, workflows | none | Shown with the service. A handler's is its \
docstring. |
| `kind` | handlers of objects | `"exclusive"` | `"shared"`: it runs beside others, and only reads state. |
| `accept` | handlers | `application/json` | The content type of the body, or a pattern such as `*/*`: \
the ingress refuses others (400). |
| `content_type` | handlers | `application/json` | The content type of the response. |
| `input_serde`, `output_serde` | handlers | by the type hints | How the argument and the result become \
bytes. |
"""
GUIDES: Final = """\
How they work together: [retries and timeouts](../guides/retries-and-timeouts.md),
[dependency injection](../guides/dependency-injection.md). Options of a step, `RunOptions`, are in the
[reference of contexts](python/contexts.md).
"""


def render() -> str:
    """The page."""
    package = griffe.GriffeLoader(search_paths=[ROOT / "sdk"]).load("pgdurable_sdk")
    options, policy = package["options"], package["retry.InvocationRetryPolicy"]
    rows = [_option(options, field.name) for field in fields(Options)]
    intervals = [_field(policy, field.name) for field in fields(InvocationRetryPolicy)]
    return "\n".join(
        [
            INTRODUCTION,
            "## Inherited options",
            "",
            "| option | of | default | |",
            "|---|---|---|---|",
            *rows,
            "",
            "## Retry policy",
            "",
            "What `InvocationRetryPolicy` leaves open is taken from the service's, then from the settings.",
            "",
            "| field | default | |",
            "|---|---|---|",
            *intervals,
            "",
            "To each wait up to 30 % is added by chance: what failed together is not tried again together.",
            "",
            PARAMETERS,
            GUIDES,
        ]
    )


def _option(module: Any, name: str) -> str:
    of = frozenset(owner for owner, kind in OWNERS.items() if name in kind.__optional_keys__)
    default = UNSET[name] if name in UNSET else _setting(getattr(Settings(), name))
    declared = next(
        member.members[name]
        for member in module.members.values()
        if member.name.endswith("Options") and member.name != "Options" and name in member.members
    )
    return f"| `{name}` | {NAMED[of]} | {default} | {_text(declared)} |"


def _setting(value: float | timedelta) -> str:
    """Settings in numbers are in seconds."""
    return _shown(value) if isinstance(value, timedelta) else _seconds(value)


def _field(policy: Any, name: str) -> str:
    return f"| `{name}` | {_shown(getattr(Settings().retry, name))} | {_text(policy.members[name])} |"


def _text(attribute: Any) -> str:
    assert attribute.docstring is not None, f"{attribute.name} has no docstring"
    return " ".join(attribute.docstring.value.replace("``", "`").replace("|", "\\|").split())


def _shown(value: object) -> str:
    match value:
        case timedelta() if value >= timedelta(days=1):
            return f"{value.days} day"
        case timedelta():
            return _seconds(value.total_seconds())
        case str():
            return f'`"{value}"`'
        case _:
            return f"{value:g}" if isinstance(value, float) else str(value)


def _seconds(seconds: float) -> str:
    return f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds:g} s"


if __name__ == "__main__":
    PAGE.write_text(render())
