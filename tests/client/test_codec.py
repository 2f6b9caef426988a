"""Clients of an app that encodes all it stores."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from pgdurable import HttpError
from tests.client.conftest import begin
from tests.client.flavours import FLAVOURS
from tests.engine.apps import coded

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.processes import Nursery

SOON = timedelta(seconds=20)


async def test_a_codec(nursery: Nursery, tmp_path: Path, dsn: str) -> None:
    running = await begin(nursery, tmp_path, dsn, app="coded.py")
    for flavour in FLAVOURS:
        async with running.client(flavour, journal_value_codec=coded.cipher) as client:
            assert await client.service_call(coded.double, "ab") == "abab"
            assert await (await client.service_send(coded.double, "cd")).attach(SOON) == "cdcd"
            state = client.state(coded.vault, flavour)
            await state.set("text", "secret")
            assert await state.get("text") == "secret"
    async with running.client("async-http") as client:
        assert await client.service_call(coded.double, "ab") == "abab", "the ingress encodes"
        assert await client.state(coded.vault, "async-http").version()
    async with running.client("async-sql") as client:
        with pytest.raises(HttpError, match="journal_value_codec") as caught:
            await client.service_call(coded.double, "ab")
        assert caught.value.status_code == 415
    running.process.terminate()
    await running.process.ended()
