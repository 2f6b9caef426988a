"""Running an agent so that the run survives what its handler survives."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pgdurable.ext.current import restate_context
from pgdurable.ext.extras import needs
from pgdurable.ext.openai.model import DurableModel, DurableModelProvider, Run
from pgdurable.ext.openai.session import RestateSession
from pgdurable.ext.openai.tools import Agents
from pgdurable_sdk.exceptions import TerminalError, UsageError

with needs("agents", extra="openai"):
    from agents import Model, RunConfig, Runner

if TYPE_CHECKING:
    from agents import Agent, RunResult, TContext
    from agents.items import TResponseInputItem

    from pgdurable_sdk.run import RunOptions

__all__ = ["DurableRunner"]


class DurableRunner:
    """``agents.Runner``, for handlers."""

    @staticmethod
    async def run(
        starting_agent: Agent[TContext],
        input: str | list[TResponseInputItem],
        *,
        use_restate_session: bool = False,
        llm_retry_opts: RunOptions[Any] | None = None,
        **kwargs: Any,
    ) -> RunResult:
        """Run an agent. Each response of a model is a step; tools are called one at a time, in the order in
        which the model named them, and may use the context.

        Parameters:
            starting_agent: The agent. It is copied, and may be used by many handlers at the same time.
            input: As of ``Runner.run``.
            use_restate_session: Go on with the conversation of this object's key, by a `RestateSession`.
            llm_retry_opts: How requests to models are retried: by the handler's policy, if this says nothing.
            kwargs: Further arguments of ``Runner.run``.

        Raises UsageError outside of handlers, and if two sessions are asked for.
        """
        restate_context()
        run = Run(llm_retry_opts)
        session = kwargs.pop("session", None)
        if use_restate_session:
            if session is not None:
                raise UsageError("use_restate_session is a session: leave out the other one")
            session = RestateSession()
        config: RunConfig = kwargs.pop("run_config", None) or RunConfig()
        try:
            result = await Runner.run(
                Agents(run).copy(starting_agent),
                input,
                run_config=_durable(config, run),
                session=session,
                **kwargs,
            )
        except TerminalError:  # and no other: a retried attempt must find nothing of it in its journal
            _flush(session)
            raise
        _flush(session)
        return result


def _durable(config: RunConfig, run: Run) -> RunConfig:
    model = DurableModel(config.model, run) if isinstance(config.model, Model) else config.model
    return replace(config, model=model, model_provider=DurableModelProvider(config.model_provider, run))


def _flush(session: Any) -> None:
    if isinstance(session, RestateSession):
        session.flush()
