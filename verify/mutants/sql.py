"""Mutants of SQL functions: in this file of sql/functions, this text is replaced by that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pgdurable.store.sql_files import sql_root

DEATH: Final = ("worker_killed", "worker_frozen", "odd_process", "backends_terminated")
LOSS: Final = ("answer_lost", "connections_reset", "worker_killed", "postgres_restarted")
NOISE: Final = ("rolled_out", "notifications_lost", "link_slow", "worker_killed")


@dataclass(frozen=True)
class Replacement:
    """One mutant."""

    file: str
    old: str
    new: str
    faults: tuple[str, ...]
    also: tuple[tuple[str, str], ...] = ()
    """More of the same file, where one wall stands behind another."""

    def text(self) -> str:
        """The file with the mutation. The text must be there once, or the mutant has gone stale."""
        text = (sql_root() / "functions" / f"{self.file}.sql").read_text(encoding="utf-8")
        for old, new in ((self.old, self.new), *self.also):
            if text.count(old) != 1:
                raise ValueError(f"{self.file}.sql has {old!r} {text.count(old)} times, and not once")
            text = text.replace(old, new)
        return text


MUTANTS: Final[dict[str, Replacement]] = {
    # The fence does not ask whether the worker is alive, and the lease is not compared: zombies write.
    "sql_fence_lets_zombies_pass": Replacement(
        "42_apply",
        " and r.owner = p_worker and r.attempt = l.attempt;\n",
        ";\n",
        DEATH,
        (
            (
                "select w.routes, w.pin into v_routes, v_pin from pgdurable_engine.enter_worker(p_worker) w;",
                "select w.routes into v_routes from pgdurable_engine.worker w where w.id = p_worker;",
            ),
        ),
    ),
    # Who writes does not hold the lock that whoever takes its work away waits for.
    "sql_writers_without_the_lock": Replacement(
        "20_locks",
        "perform pg_advisory_xact_lock_shared(pgdurable_engine.worker_lock(p_worker));",
        "",
        NOISE,
    ),
    # Dead workers are forgotten, and what they ran is not given back.
    "sql_the_dead_keep_their_work": Replacement(
        "50_workers",
        "where r.owner = any (ended));",
        "where false);",
        DEATH,
    ),
    # A worker is taken for dead the moment it is suspected.
    "sql_two_run_what_a_worker_left": Replacement(
        "50_workers",
        "delete from pgdurable_engine.running r where r.id = any (v_stopped) returning r.id, r.started_at",
        "select r.id, r.started_at from pgdurable_engine.running r where r.id = any (v_stopped)",
        DEATH,
    ),
    # The completion of one does not promote the next of its key.
    "sql_nobody_is_promoted": Replacement(
        "33_finish",
        "if v_held then",
        "if v_held and cardinality(v_ids) > 1 then",
        NOISE,
    ),
    # The last to arrive is the first to run.
    "sql_last_come_first_served": Replacement(
        "33_finish",
        "order by b.seq\n            limit 1",
        "order by b.seq desc\n            limit 1",
        NOISE,
    ),
    # The next one runs, and the key still says the last one has it.
    "sql_keys_keep_their_old_holder": Replacement(
        "33_finish",
        "where h.service = any (array[n.service]) and h.key = n.key and n.id is not null\n",
        "where h.service = any (array[n.service]) and h.key = n.key and false\n",
        NOISE,
    ),
    # Two that come at once both hold the key.
    "sql_busy_keys_are_not_waited_for": Replacement(
        "31_admit",
        "select array(select unnest(v_exclusive) except select h.id from held h) into v_inboxed;",
        "select array(select h.id from held h where false) into v_inboxed;",
        NOISE,
    ),
    # A submission that is repeated is a new one.
    "sql_a_repeated_send_overwrites": Replacement(
        "31_admit",
        "and i.status = 'completed' and i.completed_at + make_interval(secs => i.retention) <= p_now",
        "and i.status = 'completed'",
        LOSS,
    ),
    # Delayed ones begin without waiting for their key.
    "sql_delayed_ones_jump_the_queue": Replacement(
        "31_admit",
        "case when d.handler_type = 'exclusive' and h.id is null then 'inboxed' else 'invoked' end\n",
        "'invoked'\n",
        NOISE,
    ),
    # A suspended one is not woken by results, only by signals.
    "sql_results_do_not_wake": Replacement(
        "32_deliver",
        "else p_index = any (p_awaiting) end",
        "else false end",
        NOISE,
    ),
    # A notification that comes while an attempt is being suspended is slept over.
    "sql_the_last_word_is_slept_over": Replacement(
        "42_apply",
        "where e.type = 'release' or (e.type = 'suspend' and i.notified > e.seen);",
        "where e.type = 'release';",
        NOISE,
    ),
    # Two notifications get the same place in the order, or none.
    "sql_notifications_lose_their_order": Replacement(
        "32_deliver",
        "order by n.ordinality) as seq",
        "order by n.ordinality desc) as seq",
        NOISE,
    ),
    # The caller is not told.
    "sql_callers_are_not_told": Replacement(
        "33_finish",
        "filter (where d.caller_index is not null)",
        "filter (where d.caller_index is not null and d.caller_index % 5 <> 4)",
        NOISE,
    ),
    # Who attached is forgotten when others complete.
    "sql_waiters_are_not_told": Replacement(
        "33_finish",
        "filter (where t.waiter_id is not null)",
        "filter (where t.waiter_id is not null and t.waiter_type = 0)",
        NOISE,
    ),
    # Timers fire before they are due.
    "sql_timers_fire_early": Replacement(
        "45_tick",
        "where t.fire_at <= v_now\n        order by",
        "where t.fire_at <= v_now + interval '1 second'\n        order by",
        NOISE,
    ),
    # A timer that is fired stays.
    "sql_timers_fire_twice": Replacement(
        "45_tick",
        "delete from pgdurable_engine.timer t using due d\n"
        "        where t.fire_at = any (array[d.fire_at]) and t.id = d.id and t.index = d.index\n"
        "        returning t.*",
        "select t.* from pgdurable_engine.timer t, due d\n"
        "        where t.fire_at = any (array[d.fire_at]) and t.id = d.id and t.index = d.index",
        NOISE,
    ),
    # What is claimed stays ready.
    "sql_claims_leave_it_ready": Replacement(
        "41_claim",
        "delete from pgdurable_engine.ready x using chosen c\n"
        "        where x.route = any (array[c.route]) and x.since = c.since and x.id = c.id\n"
        "        returning x.id, x.since",
        "select x.id, x.since from pgdurable_engine.ready x, chosen c\n"
        "        where x.route = any (array[c.route]) and x.since = c.since and x.id = c.id",
        DEATH,
    ),
    # State that is there already is not written over.
    "sql_state_stays_as_it_was": Replacement(
        "42_apply",
        "do update set value = excluded.value;",
        "do nothing;",
        NOISE,
    ),
    # What was begun on a key counts, whoever holds that.
    "sql_births_do_not_ask_for_the_key": Replacement(
        "35_bear",
        "join pgdurable_engine.key_holder h on h.service = any (array[t.service]) and h.key = t.key;\n",
        "join pgdurable_engine.key_holder h on h.service = any (array[t.service]) and false;\n",
        NOISE,
    ),
    # What was begun on a state counts, whoever has changed that since.
    "sql_births_do_not_compare_state": Replacement(
        "35_bear",
        "where s.value is distinct from r.value\n",
        "where false\n",
        NOISE,
    ),
    # A promise may be completed a second time.
    "sql_promises_change_their_mind": Replacement(
        "43_promises",
        "pgdurable_engine.complete_promise(v_use, v_promise.outcome is not null);",
        "pgdurable_engine.complete_promise(v_use, false);",
        NOISE,
    ),
    # Those whom a killed one has called go on.
    "sql_the_children_of_the_killed_live": Replacement(
        "44_signal",
        "where x.id = j.target_id and x.caller_id = t.id and x.caller_index = j.index\n",
        "where x.id = j.target_id and x.caller_id = t.id and x.caller_index = -1\n",
        NOISE,
    ),
    # A killed one keeps its key.
    "sql_the_killed_run_on": Replacement(
        "44_signal",
        "perform pgdurable_engine.fence_workers(v_owners);",
        "null;",
        NOISE,
    ),
    # Who backs off is forgotten.
    "sql_nobody_is_tried_again": Replacement(
        "45_tick",
        "where f.id = any (p_ids) and f.next_retry_at <= p_now\n",
        "where f.id = any (p_ids) and f.next_retry_at < p_now - interval '1 hour'\n",
        NOISE,
    ),
}
