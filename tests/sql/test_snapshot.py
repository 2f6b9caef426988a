"""sql/schema.snapshot.sql is what the files make, on every version of PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.sql.snapshot import SNAPSHOT, snapshot

if TYPE_CHECKING:
    from tests.sql.story import Story


def test_the_snapshot_is_the_schema(story: Story) -> None:
    assert snapshot(story.connection) == SNAPSHOT.read_text(), "run `python -m tests.sql.snapshot`"
