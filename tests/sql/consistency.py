"""What must hold between the tables after every verb."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tests.sql.story import Story

BROKEN: Final = """
    select 'ready twice', x.id from pgdurable_engine.ready x group by x.id having count(*) > 1
    union all
    select 'ready and running', x.id
    from pgdurable_engine.ready x join pgdurable_engine.running r on r.id = x.id
    union all
    select 'ready on a route that is not its own: ' || x.route, x.id
    from pgdurable_engine.ready x join pgdurable_engine.invocation i on i.id = x.id
    where x.route <> pgdurable_engine.route(i.service, i.deployment_id)
    union all
    select 'runs on other code than it began with', i.id
    from pgdurable_engine.running r
    join pgdurable_engine.worker w on w.id = r.owner
    join pgdurable_engine.invocation i on i.id = r.id
    where i.deployment_id <> w.deployment_id
    union all
    select 'ready or running but ' || i.status, i.id
    from (select id from pgdurable_engine.ready union select id from pgdurable_engine.running) x
    join pgdurable_engine.invocation i on i.id = x.id
    where i.status <> 'invoked'
    union all
    select 'invoked, but nobody will run it', i.id
    from pgdurable_engine.invocation i
    where i.status = 'invoked'
        and not exists (select from pgdurable_engine.ready x where x.id = i.id)
        and not exists (select from pgdurable_engine.running r where r.id = i.id)
        and not exists (
            select from pgdurable_engine.failure f
            join pgdurable_engine.timer t on t.fire_at = f.next_retry_at and t.id = f.id
            where f.id = i.id and t.type = 'retry'
        )
    union all
    select 'inboxed and not in the inbox, or the other way round', i.id
    from pgdurable_engine.invocation i
    where (i.status = 'inboxed') <> exists (select from pgdurable_engine.inbox b where b.id = i.id)
    union all
    select 'holds its key, or not', i.id
    from pgdurable_engine.invocation i
    where i.handler_type = 'exclusive'
        and (i.status in ('invoked', 'suspended', 'paused'))
            <> exists (select from pgdurable_engine.key_holder h where h.id = i.id)
    union all
    select 'scheduled without a timer', i.id
    from pgdurable_engine.invocation i
    where i.status = 'scheduled'
        and not exists (select from pgdurable_engine.timer t where t.id = i.id and t.type = 'start')
    union all
    select 'waits behind nobody', b.id
    from pgdurable_engine.inbox b
    where not exists (
        select from pgdurable_engine.key_holder h where h.service = b.service and h.key = b.key
    )
    union all
    select 'notifications are not counted', i.id
    from pgdurable_engine.invocation i
    where i.notified <> (select count(*) from pgdurable_engine.notification n where n.id = i.id)
    union all
    select 'completed, and its journal does not say so', i.id
    from pgdurable_engine.invocation i
    where (i.status = 'completed') <> exists (
        select from pgdurable_engine.journal j where j.id = i.id and j.type = 1025
    )
    union all
    select 'its journal goes on behind its output', j.id
    from pgdurable_engine.journal j
    where j.type = 1025 and exists (
        select from pgdurable_engine.journal x where x.id = j.id and x.index > j.index
    )
    union all
    select 'goes on, and who waits for it was killed', i.id
    from pgdurable_engine.journal j
    join pgdurable_engine.invocation i on i.caller_id = j.id
    where j.type = 1025 and convert_from(j.value, 'UTF8') like '%"killed"%'
        and i.caller_index is not null and i.status <> 'completed'
"""


def assert_consistent(story: Story) -> None:
    broken = story.rows(BROKEN)
    assert broken == [], broken
