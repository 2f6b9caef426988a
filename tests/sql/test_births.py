"""What is begun while it is being accepted: acceptance and all that happened since are one commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.sql.consistency import assert_consistent
from tests.sql.story import Changes, Row, exclusive, hexed, plain

if TYPE_CHECKING:
    from tests.sql.story import Story

pytestmark = pytest.mark.pg


def birth(attempt: int = 7, **more: Any) -> Row:
    return plain(attempt=attempt, **more)


def whole(value: str = '"done"', **more: Any) -> Row:
    return birth(outcome="success", index=1, seen=0, output=hexed(value), **more)


def test_one_that_has_completed_is_inserted_as_it_ended(story: Story) -> None:
    born = whole()
    story.apply(Changes(story.me, [], {"whole": [born]}))
    assert story.status(born) == "completed"
    assert story.result(born) == ("success", '"done"')
    assert story.journal(born) == ["Command: Input", "Command: Output"]
    assert [story.count(table) for table in ("running", "ready", "waiter", "expiry")] == [0, 0, 0, 0]


def test_its_input_and_headers_are_kept(story: Story) -> None:
    born = whole(headers='{"headers":{"a":"b"}}')
    story.apply(Changes(story.me, [], {"whole": [born]}))
    query = "select value, detail from pgdurable_engine.journal where id = %s and index = 0"
    assert story.rows(query, [born["id"]]) == [(b"{}", '{"headers":{"a":"b"}}')]


def test_one_that_is_kept_for_a_short_time_only_expires(story: Story) -> None:
    kept, short = whole(), whole(retention=120, journal_retention=0)
    story.apply(Changes(story.me, [], {"whole": [kept, short]}))
    assert story.count("expiry") == 2, "of its journal after a minute, and of the rest"
    story.sleep(121)
    story.call("expire_due", p_limit=10)
    assert story.status(short) is None
    assert story.status(kept) == "completed"


def test_one_that_runs_has_a_lease(story: Story) -> None:
    born = birth(attempt=7)
    story.apply(Changes(story.me, [], {"begun": [born]}))
    assert story.status(born) == "running"
    applied = story.apply(
        Changes(
            story.me,
            [{"id": born["id"], "attempt": 7}],
            {
                "endings": [
                    {"id": born["id"], "type": "complete", "index": 1, "seen": 0, "outcome": "success"}
                ]
            },
        )
    )
    assert not applied["fenced"]
    assert story.status(born) == "completed"


def test_what_it_did_since_is_in_the_same_commit(story: Story) -> None:
    born, sent = birth(), plain()
    entries = [
        {"id": born["id"], "index": 1, "type": 1038, "seen": 0, "target_id": sent["id"]},
        {"id": born["id"], "index": 2, "type": 1036, "seen": 0, "delay": "5 seconds"},
    ]
    ending = {"id": born["id"], "type": "suspend", "index": 3, "seen": 0, "awaiting": [2]}
    story.apply(
        Changes(
            story.me,
            [],
            {
                "begun": [born],
                "entries": entries,
                "calls": [sent | {"caller_id": born["id"]}],
                "endings": [ending],
            },
        )
    )
    assert story.statuses(born, sent) == ["suspended", "ready"]
    assert story.count("running") == 0
    story.sleep(5)
    story.fire()
    assert story.status(born) == "ready"


def test_one_that_has_completed_may_have_sent_something(story: Story) -> None:
    sent = plain()
    born = whole() | {"index": 2}
    entry = {"id": born["id"], "index": 1, "type": 1038, "seen": 0, "target_id": sent["id"]}
    calls = [sent | {"caller_id": born["id"]}]
    story.apply(Changes(story.me, [], {"whole": [born], "entries": [entry], "calls": calls}))
    assert story.statuses(born, sent) == ["completed", "ready"]
    assert story.journal(born) == ["Command: Input", "Command: OneWayCall", "Command: Output"]


def test_what_ends_on_a_version_is_pinned_to_it(dated: Story) -> None:
    born = whole()
    dated.apply(Changes(dated.me, [], {"whole": [born]}))
    assert dated.pinned(born) == "dp_1"


def test_an_id_that_is_taken_is_refused(story: Story) -> None:
    born = whole()
    story.apply(Changes(story.me, [], {"whole": [born]}))
    with pytest.raises(psycopg.errors.UniqueViolation), story.connection.transaction():
        story.apply(Changes(story.me, [], {"whole": [born]}))


@pytest.fixture
def dated(story: Story) -> Story:
    story.register("dp_1")
    story.me = story.worker("dp_1")
    return story


# --- on a key: what its worker supposes is compared under the key's lock


def on_key(born: Row) -> dict[str, list[Row]]:
    """It supposes that its key is free."""
    return {"taken": [{"id": born["id"], "service": born["service"], "key": born["key"]}]}


def add(value: str, key: str = "k", **more: Any) -> Row:
    return exclusive(key, attempt=7, outcome="success", index=1, seen=0, output=hexed(value), **more)


def read(born: Row, name: str | None, value: str | None = None, names: list[str] | None = None) -> Row:
    seen = {"id": born["id"], "service": born["service"], "key": born["key"], "name": name}
    return seen | {"value": None if value is None else hexed(value), "names": names}


def wrote(born: Row, name: str, value: str) -> Row:
    return {
        "source": born["id"], "service": born["service"], "key": born["key"], "name": name,
        "value": hexed(value),
    }  # fmt: skip


def test_one_that_has_completed_never_held_its_key(story: Story) -> None:
    born = add("1")
    rows = {"whole": [born], "reads": [read(born, "n")], "state": [wrote(born, "n", "1")]}
    assert story.apply(Changes(story.me, [], on_key(born) | rows))["refused"] is None
    assert story.status(born) == "completed"
    assert story.result(born) == ("success", "1")
    assert story.state() == {"n": "1"}
    assert [story.count(table) for table in ("running", "ready", "key_holder", "inbox")] == [0, 0, 0, 0]
    assert_consistent(story)


def test_one_that_goes_on_holds_its_key_from_then_on(story: Story) -> None:
    born, next_ = exclusive(attempt=7), exclusive()
    story.apply(Changes(story.me, [], on_key(born) | {"begun": [born]}))
    story.submit(next_)
    assert story.statuses(born, next_) == ["running", "pending"]
    assert_consistent(story)
    ending = {"id": born["id"], "type": "complete", "index": 1, "seen": 0, "outcome": "success"}
    story.apply(Changes(story.me, [{"id": born["id"], "attempt": 7}], {"endings": [ending]}))
    assert story.statuses(born, next_) == ["completed", "ready"]
    assert_consistent(story)


@pytest.mark.parametrize("status", ["ready", "running", "suspended", "paused"])
def test_nothing_is_written_where_somebody_holds_the_key(story: Story, status: str) -> None:
    holder, born, bystander = exclusive(), add("1"), whole()
    if status == "ready":
        story.submit(holder)
    else:
        attempt = story.run(holder)
        if status != "running":
            story.apply(attempt.suspend() if status == "suspended" else attempt.pause())
    assert story.status(holder) == status
    rows = on_key(born) | {"whole": [born, bystander], "state": [wrote(born, "n", "1")]}
    assert story.apply(Changes(story.me, [], rows))["refused"] == [born["id"]]
    assert story.statuses(born, bystander) == [None, None]
    assert story.state() == {}
    assert_consistent(story)


def test_another_key_is_nobodys_concern(story: Story) -> None:
    story.submit(exclusive("other"))
    born = add("1")
    assert story.apply(Changes(story.me, [], on_key(born) | {"whole": [born]}))["refused"] is None
    assert_consistent(story)


@pytest.mark.parametrize(
    ("seen", "is_so"),
    [
        (("n", "1", None), True),
        (("n", "2", None), False),
        (("n", None, None), False),
        (("n", "", None), False),
        (("other", None, None), True),
        (("other", "1", None), False),
        (("empty", "", None), True),
        (("empty", None, None), False),
        ((None, None, ["empty", "n"]), True),
        ((None, None, ["n"]), False),
        ((None, None, list[str]()), False),
        ((None, None, ["empty", "n", "other"]), False),
    ],
)
def test_what_was_read_must_be_what_is_stored(
    story: Story, seen: tuple[str | None, str | None, list[str] | None], is_so: bool
) -> None:
    before, born = add("1"), add("2")
    story.apply(
        Changes(
            story.me,
            [],
            {"whole": [before], "state": [wrote(before, "n", "1"), wrote(before, "empty", "")]},
        )
    )
    rows = {"whole": [born], "reads": [read(born, *seen)], "state": [wrote(born, "n", "9")]}
    refused = story.apply(Changes(story.me, [], on_key(born) | rows))["refused"]
    assert refused == (None if is_so else [born["id"]])
    assert story.status(born) == ("completed" if is_so else None)
    assert story.state()["n"] == ("9" if is_so else "1")


def test_names_are_compared_as_python_sorts_them(story: Story) -> None:
    names = sorted(["b", "a", "B", "ä", "a b", "_", "1"])
    before, born = add("1"), add("2")
    story.apply(
        Changes(story.me, [], {"whole": [before], "state": [wrote(before, name, "1") for name in names]})
    )
    rows = {"whole": [born], "reads": [read(born, None, names=names)]}
    assert story.apply(Changes(story.me, [], on_key(born) | rows))["refused"] is None


def test_a_chain_is_one_batch_in_the_order_in_which_it_ran(story: Story) -> None:
    chain = [add(str(number)) for number in range(3)]
    rows = {"whole": chain, "reads": [read(chain[0], "n")], "state": [wrote(chain[2], "n", "2")]}
    assert story.apply(Changes(story.me, [], on_key(chain[0]) | rows))["refused"] is None
    assert story.statuses(*chain) == ["completed"] * 3
    assert story.state() == {"n": "2"}


def test_the_state_may_be_changed_from_outside_in_between(story: Story) -> None:
    story.register("dp_1")
    assert story.value("select pgdurable.set_state('Counter', 'k', 'n', '7')") == "done"
    born = add("1")
    rows = {"whole": [born], "reads": [read(born, "n", "6")]}
    assert story.apply(Changes(story.me, [], on_key(born) | rows))["refused"] == [born["id"]]
    rows["reads"] = [read(born, "n", "7")]
    assert story.apply(Changes(story.me, [], on_key(born) | rows))["refused"] is None


def test_a_worker_is_told_the_state_of_keys_that_are_free(story: Story) -> None:
    before = add("1")
    story.apply(Changes(story.me, [], {"whole": [before], "state": [wrote(before, "n", "1234")]}))
    story.submit(exclusive("held"))

    def free(most: int) -> list[tuple[Any, ...]]:
        return story.rows(
            "select key, to_jsonb(state) from pgdurable_engine.free_states("
            "'{Counter,Counter,Counter}', '{k,held,unknown}', %s)",
            [most],
        )

    value = {"name": "n", "value": hexed("1234")}
    assert free(5) == [("k", [value]), ("held", None), ("unknown", [])]
    assert free(4) == [("k", None), ("held", None), ("unknown", [])]
