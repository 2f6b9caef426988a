"""Restate's test harness, by its names. `pgdurable.testing`, of which it is made, has more to offer."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from pgdurable.client import Client
    from pgdurable.loader import App
    from pgdurable.testing import Harness
    from pgdurable_sdk.codec import JournalValueCodec, JournalValueCodecProvider

__all__ = ["HarnessEnvironment", "create_test_harness", "test_harness"]


@dataclass(frozen=True, slots=True)
class HarnessEnvironment:
    """A running engine: where it is, and a client."""

    ingress_url: str
    admin_api_url: str
    client: Client
    harness: Harness
    """The same, with all that `pgdurable.testing` offers: time that can be moved, what failed in handlers."""


@asynccontextmanager
async def create_test_harness(
    app: App,
    follow_logs: bool = False,
    restate_image: str | None = None,
    always_replay: bool = False,
    disable_retries: bool = False,
    journal_value_codec: JournalValueCodec | JournalValueCodecProvider | None = None,
) -> AsyncGenerator[HarnessEnvironment]:
    """An engine for ``app`` in this event loop, with an ingress and an admin API.

    Parameters:
        app: What is tested.
        follow_logs: As with Restate; here logs go to `logging` in any case.
        restate_image: As with Restate; here there is none.
        always_replay: Replay handlers at every await, to find what is not deterministic.
        disable_retries: An invocation fails with its first error.
        journal_value_codec: Instead of the app's.

    Raises:
        EmbeddedPostgresError: The database server cannot be started.
    """
    del follow_logs, restate_image
    from pgdurable.embedded.ephemeral import free_port
    from pgdurable.loader import App
    from pgdurable.store.access import Access
    from pgdurable.testing import harness
    from pgdurable_admin.server import AdminServer

    served = App(app.services, journal_value_codec or app.journal_value_codec)
    async with harness(
        served, always_replay=always_replay, disable_retries=disable_retries, ingress=True
    ) as env:
        port = free_port()
        admin = AdminServer(Access(env.dsn), "127.0.0.1", port, ingress_url=env.url)
        await admin.start()
        try:
            yield HarnessEnvironment(env.url, f"http://127.0.0.1:{port}", env.client, env)
        finally:
            await admin.stop()


test_harness = create_test_harness
"""Its older name."""
