"""`/services/{service}/state` and `/services/{service}/promises`: what objects and workflows keep.

Restate has only the first as a `POST`, and SQL for reading. Values are arrays of bytes, as it has them there.
"""

from __future__ import annotations

from typing import Annotated

from litestar import get, patch, post
from litestar.datastructures import State
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import UNSET, Struct, UnsetType

from pgdurable import refusals
from pgdurable.failures import Failure, read_failure, write_failure
from pgdurable_admin.admin import admin_of
from pgdurable_admin.errors import AdminError, refuse
from pgdurable_sdk.scopes import scoped_key

__all__ = ["complete_promise", "modify_state", "read_promise", "read_state", "replace_state"]


InScope = Annotated[str | None, QueryParameter(name="scope")]
"""``scope`` of the query. Litestar takes an argument of that name for something else."""


class StateBody(Struct):
    """All state of a key. Given back in `new_state` it changes nothing."""

    version: str
    state: dict[str, list[int]]


class ReplaceBody(Struct):
    """``version``: only if the state is still that."""

    object_key: str
    new_state: dict[str, list[int]]
    version: str | None = None
    scope: str | None = None


class ModifyBody(Struct):
    """As `ReplaceBody`, but what is not named stays; null clears."""

    object_key: str
    new_state: dict[str, list[int] | None]
    version: str | None = None
    scope: str | None = None


class PromiseBody(Struct, omit_defaults=True):
    """``value`` or ``failure``, of one that is completed."""

    completed: bool
    value: list[int] | UnsetType = UNSET
    failure: Failure | UnsetType = UNSET


class CompleteBody(Struct):
    """``value`` or ``failure``."""

    object_key: str
    name: str
    value: list[int] | None = None
    failure: Failure | None = None
    scope: str | None = None


@get("/services/{service:str}/state")
async def read_state(
    state: State, service: FromPath[str], object_key: FromQuery[str], in_scope: InScope = None
) -> StateBody:
    """All state of a key, and the version that it is. Ours."""
    admin = admin_of(state)
    key = _stored_key(object_key, in_scope)
    rows = await admin.database.rows("state", service, key)
    version = await admin.word("state_version", service, key)
    return StateBody(version, {name: list(value) for name, value in rows})


@post("/services/{service:str}/state", status_code=202)
async def replace_state(state: State, service: FromPath[str], data: JSONBody[ReplaceBody]) -> None:
    """Make this all the state that there is. Of the path Restate has this one."""
    values: dict[str, list[int] | None] = {**data.new_state}
    key = _stored_key(data.object_key, data.scope)
    await _change(state, service, key, values, replace=True, version=data.version)


@patch("/services/{service:str}/state", status_code=202)
async def modify_state(state: State, service: FromPath[str], data: JSONBody[ModifyBody]) -> None:
    """Set some values, and clear those that are null. Ours."""
    key = _stored_key(data.object_key, data.scope)
    await _change(state, service, key, data.new_state, replace=False, version=data.version)


@get("/services/{service:str}/promises")
async def read_promise(
    state: State,
    service: FromPath[str],
    object_key: FromQuery[str],
    name: FromQuery[str],
    in_scope: InScope = None,
) -> PromiseBody:
    """A durable promise of a workflow. Ours."""
    rows = await admin_of(state).database.rows("promise", service, _stored_key(object_key, in_scope), name)
    for outcome, value in rows:
        if outcome == "failure":
            return PromiseBody(True, failure=read_failure(value))
        return PromiseBody(True, value=list(value or b""))
    return PromiseBody(False)


@post("/services/{service:str}/promises", status_code=202)
async def complete_promise(state: State, service: FromPath[str], data: JSONBody[CompleteBody]) -> None:
    """Resolve or reject a durable promise. Ours."""
    if (data.value is None) == (data.failure is None):
        raise AdminError(400, "give a value or a failure, and not both")
    if data.failure is not None:
        outcome, value = "failure", write_failure(data.failure)
    else:
        outcome, value = "success", _bytes(data.value or [])
    place = service, _stored_key(data.object_key, data.scope), data.name
    answer = await admin_of(state).word("complete_promise", *place, outcome, value)
    refuse(refusals.of_promise(answer))


async def _change(
    state: State,
    service: str,
    key: str,
    values: dict[str, list[int] | None],
    *,
    replace: bool,
    version: str | None,
) -> None:
    written = [None if value is None else _bytes(value) for value in values.values()]
    answer = await admin_of(state).word("change_state", service, key, list(values), written, replace, version)
    refuse(refusals.of_state(answer))


def _stored_key(key: str, scope: str | None) -> str:
    """With the scope. Refuses what can be neither."""
    refuse(refusals.of_key(key))
    refuse(refusals.of_scope(scope))
    return scoped_key(scope, key) or ""


def _bytes(value: list[int]) -> bytes:
    try:
        return bytes(value)
    except ValueError:
        raise AdminError(400, "a value is an array of bytes, numbers from 0 to 255") from None
