"""The agents of the guide, and a worker that is killed while one of their tools is at work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.engine.watching import until

if TYPE_CHECKING:
    from tests.engine.conftest import Engine

GUIDES = ["guide_pydantic_ai", "guide_openai", "guide_adk", "guide_langchain"]


@pytest.mark.slow
@pytest.mark.parametrize("guide", GUIDES)
async def test_an_agent_goes_on_where_its_worker_was_killed(engine: Engine, guide: str) -> None:
    app = f"tests.ext.programs.{guide}:assistant"
    worker, other = engine.begin(app), engine.begin(app)
    await worker.ready()
    await other.ready()
    client = await engine.client()
    key = "ann" if guide == "guide_adk" else None  # an object, for the sake of the conversation
    id = await client.send("Assistant", "ask", "How is it in Rome and Oslo?", key=key)
    await until(lambda: engine.ledger.count("tool") == 2, 10, "the second tool is at work")
    pid = engine.ledger.lines("tool", city="Oslo")[0].pid
    next(process for process in (worker, other) if process.pid == pid).kill()
    assert await client.attach(id) == "sunny in Rome, sunny in Oslo"
    assert engine.ledger.count("model") == 2, "it is paid for once"
    assert engine.ledger.count("tool", city="Rome") == 1
    assert engine.ledger.count("tool", city="Oslo") == 2, "that was not journaled"
