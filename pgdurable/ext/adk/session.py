"""The sessions of ADK as state of a virtual object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from google.adk.sessions import BaseSessionService, Session, State
from google.adk.sessions.base_session_service import ListSessionsResponse
from pydantic import PrivateAttr

from pgdurable.ext.current import restate_object_context
from pgdurable.ext.pydantic.serde import PydanticTypeAdapter
from pgdurable_sdk.exceptions import TerminalError
from pgdurable_sdk.extensions import in_turn
from pgdurable_sdk.run import RunOptions

if TYPE_CHECKING:
    from google.adk.events import Event
    from google.adk.sessions.base_session_service import GetSessionConfig

    from pgdurable_sdk.context import ObjectContext

__all__ = ["RestateSessionService"]

PREFIX: Final = "session_store::"
SESSION: Final = PydanticTypeAdapter(Session)


class Recent(Session):
    """A session without its oldest events, which are kept for when it is written."""

    _older: list[Event] = PrivateAttr(default_factory=list["Event"])

    @classmethod
    def of(cls, session: Session, config: GetSessionConfig) -> Recent:
        """What the configuration wants of the session."""
        events = session.events
        if config.after_timestamp is not None:
            events = [event for event in events if event.timestamp >= config.after_timestamp]
        if config.num_recent_events is not None:
            events = events[len(events) - min(len(events), config.num_recent_events) :]
        recent = cls(
            id=session.id,
            app_name=session.app_name,
            user_id=session.user_id,
            state=session.state,
            events=events,
            last_update_time=session.last_update_time,
        )
        recent._older = session.events[: len(session.events) - len(events)]
        return recent

    @property
    def all_events(self) -> list[Event]:
        """The oldest ones, too."""
        return self._older + self.events


class RestateSessionService(BaseSessionService):
    """The sessions of a virtual object's key, each in its state ``session_store::`` and the session's id.

    What is added to a session is written by `flush_session_state`, which the `RestatePlugin` calls when a run
    has ended well. All methods raise UsageError outside of handlers of objects and workflows.
    """

    def ctx(self) -> ObjectContext:
        """The context of the handler that runs here."""
        return restate_object_context()

    async def create_session(
        self,
        *,
        app_name: str,
        user_id: str,
        state: dict[str, Any] | None = None,
        session_id: str | None = None,
    ) -> Session:
        """Create and write a session. Raises TerminalError (409) if there is one of this id."""
        id = str(self.ctx().uuid()) if session_id is None else session_id
        if await self.has_session(session_id=id):
            raise TerminalError(f"there is a session {id} already", 409)
        session = Session(id=id, app_name=app_name, user_id=user_id, state=dict(state or {}))
        await self.flush_session_state(session)
        return session

    async def has_session(self, *, session_id: str) -> bool:
        """Whether there is such a session."""
        return await self._stored(session_id) is not None

    async def get_session(
        self, *, app_name: str, user_id: str, session_id: str, config: GetSessionConfig | None = None
    ) -> Session:
        """The session, or a new one: it need not be created."""
        session = await self._stored(session_id)
        if session is None:
            return Session(id=session_id, app_name=app_name, user_id=user_id)
        return session if config is None else Recent.of(session, config)

    async def list_sessions(self, *, app_name: str, user_id: str | None = None) -> ListSessionsResponse:
        """The sessions of this object's key, without their events; those of a user, if one is given. The one
        that was used last comes last."""
        with in_turn():
            names = await self.ctx().state_keys()
        ids = [name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX)]
        found = [session for id in ids if (session := await self._stored(id)) is not None]
        return ListSessionsResponse(
            sessions=[
                session.model_copy(update={"events": []})
                for session in sorted(found, key=lambda session: session.last_update_time)
                if session.app_name == app_name and user_id in (None, session.user_id)
            ]
        )

    async def delete_session(self, *, app_name: str, user_id: str, session_id: str) -> None:
        """Forget the session."""
        self.ctx().clear(PREFIX + session_id)

    async def append_event(self, session: Session, event: Event) -> Event:
        """Add an event. A summary, which comes when the run has ended, is written at once."""
        event = await super().append_event(session, event)
        if not event.partial:
            session.last_update_time = event.timestamp
        if event.actions.compaction:
            await self.flush_session_state(session)
        return event

    async def flush_session_state(self, session: Session) -> None:
        """Write the session. What is temporary in its state is not."""
        events = session.all_events if isinstance(session, Recent) else session.events
        state = {
            name: value for name, value in session.state.items() if not name.startswith(State.TEMP_PREFIX)
        }
        written = session.model_copy(update={"state": state, "events": events})
        # Events have an id and a time of this attempt: those of the attempt that comes so far first count.
        with in_turn():
            stored = await self.ctx().run_typed("store session", lambda: written, RunOptions(serde=SESSION))
        self.ctx().set(PREFIX + session.id, stored, serde=SESSION)
        session.events[:] = stored.events[len(stored.events) - len(session.events) :]

    async def _stored(self, id: str) -> Session | None:
        with in_turn():
            return await self.ctx().get(PREFIX + id, serde=SESSION)
