"""`/invocations`: what an operator, or a client, does to one of them. Paths and statuses are Restate's."""

from __future__ import annotations

from typing import Any, Final, Literal

from litestar import Response, delete, patch
from litestar.datastructures import State
from litestar.params import FromPath, FromQuery

from pgdurable import refusals
from pgdurable_admin.admin import admin_of
from pgdurable_admin.errors import refuse

__all__ = ["change", "change_by_mode"]

Action = Literal["cancel", "kill", "pause", "resume", "purge", "purge-journal"]
Mode = Literal["cancel", "kill", "purge", "Cancel", "Kill", "Purge"]

ACCEPTED_LATER: Final = frozenset({"cancel", "pause"})
"""What is only begun by then, mostly: 202. Everything else is 200."""


@patch("/invocations/{invocation_id:str}/{action:str}")
async def change(
    state: State, invocation_id: FromPath[str], action: FromPath[Action], deployment: FromQuery[str] = "keep"
) -> Response[Any]:
    """Cancel, kill, pause, resume or purge an invocation, or purge its journal.

    ``deployment`` is for resume: keep, latest, or the id of the one to go on with.
    """
    if action == "resume":
        answer = await admin_of(state).word("resume_on", invocation_id, deployment)
    else:
        answer = await admin_of(state).word(action.replace("-", "_"), invocation_id)
    refuse(refusals.of_control(action, answer))
    later = answer == "accepted" and action in ACCEPTED_LATER
    return Response(None, status_code=202 if later else 200)


@delete("/invocations/{invocation_id:str}", status_code=202)
async def change_by_mode(
    state: State, invocation_id: FromPath[str], mode: FromQuery[Mode] = "cancel"
) -> None:
    """The same in Restate's older form, which does not say what became of it."""
    await admin_of(state).word(mode.lower(), invocation_id)
