"""What is refused before any invocation had a say: one function per condition, in Restate's words.

The ingress, the admin API and clients on the database say the same, so it is written here once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pgdurable_sdk.checks import NAME_LIMIT, flaw, header_flaw
from pgdurable_sdk.limits import LIMITS
from pgdurable_sdk.scopes import bad_key, bad_limit_key, bad_scope

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY_LIMIT: Final = NAME_LIMIT


class Refusal(NamedTuple):
    """A status of HTTP, and what was wrong."""

    status: int
    message: str


def service_not_found(service: str) -> Refusal:
    return Refusal(
        404, f"service '{service}' not found, make sure to register the service before calling it."
    )


def handler_not_found(service: str, handler: str) -> Refusal:
    return Refusal(
        404,
        f"the service '{service}' exists, but the handler '{handler}' was not found, check that the handler "
        "exists in the latest registered service version.",
    )


def invocation_not_found() -> Refusal:
    return Refusal(404, "invocation not found")


def workflow_already_invoked() -> Refusal:
    return Refusal(409, "the workflow method was already invoked")


def idempotency_key_on_workflow() -> Refusal:
    return Refusal(
        400,
        "cannot use the idempotency key with workflow handlers. The handler invocation will already be "
        "idempotent by the workflow key itself.",
    )


def key_missing(service: str) -> Refusal:
    return Refusal(400, f"{service} has keys: say which one is meant")


def key_given(service: str) -> Refusal:
    return Refusal(400, f"{service} is a plain service, it has no keys")


def not_encoded(service: str) -> Refusal:
    return Refusal(415, f"the values of {service} are encoded: give the client its app's journal_value_codec")


def bad_awakeable(awakeable_id: str, reason: object) -> Refusal:
    return Refusal(400, f"bad awakeable id '{awakeable_id}': {reason}")


def bad_invocation(invocation_id: str, reason: object) -> Refusal:
    return Refusal(400, f"bad invocation id '{invocation_id}': {reason}")


def bad_text(part: str, reason: str) -> Refusal:
    return Refusal(400, f"bad {part}: {reason}")


def of_text(text: str, part: str) -> Refusal | None:
    """Refuse what PostgreSQL cannot store, wherever it came from."""
    wrong = flaw(text, None)
    return None if wrong is None else bad_text(part, wrong)


def of_key(key: str, part: str = "key") -> Refusal | None:
    """Refuse a key that cannot be stored, is too long to be found by, or looks like one in a scope."""
    wrong = flaw(key, KEY_LIMIT) or bad_key(key)
    return None if wrong is None else bad_text(part, wrong)


def of_name(name: str, part: str) -> Refusal | None:
    """Refuse a name, or an idempotency key, that cannot be stored, or is too long to be found by."""
    wrong = flaw(name, KEY_LIMIT)
    return None if wrong is None else bad_text(part, wrong)


def of_headers(headers: Mapping[str, str]) -> Refusal | None:
    """Refuse what a client wants to send beside its value, if that cannot be stored or is too much."""
    if (wrong := header_flaw(headers)) is not None:
        return Refusal(400, f"bad {wrong}")
    if (wrong := LIMITS.weigh_headers(headers)) is not None:
        return Refusal(431, wrong)
    return None


def of_scope(scope: str | None, limit_key: str | None = None) -> Refusal | None:
    """Refuse what cannot be a scope, or a limit key in it."""
    if scope is None:
        return None if limit_key is None else Refusal(400, "limit-key requires a scope to be set")
    if (reason := bad_scope(scope)) is not None:
        return Refusal(400, f"bad scope value: {reason}")
    if limit_key is not None and (reason := bad_limit_key(limit_key)) is not None:
        return Refusal(400, f"invalid limit-key: {reason}")
    return None


# What the functions of 70_control.sql to 72_state.sql answer where they did not do what was asked.
_CONTROL: Final = {
    "not_found": invocation_not_found(),
    "running": Refusal(409, "the invocation is running; pause it before it goes on with another deployment"),
    "not_completed": Refusal(409, "the invocation has not completed yet; cancel or kill it first"),
}
_STATE: Final = {
    "not_found": Refusal(404, "there is nobody to have this state"),
    "held": Refusal(409, "the key is held by an invocation that has not completed; its state is its own"),
    "changed": Refusal(409, "the state has changed since that version was read"),
}


def of_control(action: str, answer: str) -> Refusal | None:
    """What a control function's answer means to who asked for ``action``; None: it is done, or will be."""
    if answer == "completed":
        return Refusal(409, f"the invocation has already completed, there is nothing to {action}")
    if answer == "not_running":
        # As in Restate: a pause conflicts with what there is, a resume comes too early.
        status = 425 if action == "resume" else 409
        return Refusal(status, f"the invocation is not running, there is nothing to {action}")
    return _CONTROL.get(answer)


def of_promise(answer: str) -> Refusal | None:
    """What completing a promise was answered with."""
    return Refusal(409, "promise was already completed") if answer == "completed" else None


def of_state(answer: str) -> Refusal | None:
    """What changing state was answered with."""
    return _STATE.get(answer)
