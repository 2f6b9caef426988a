-- I16: true at every moment, in the midst of faults too. What is invoked is in one place: ready, running or backing
-- off; who waits for a key is in its inbox; who runs has a worker; who holds a key is not over; who sleeps has not been
-- told.
with places as (
    select i.id, i.status, i.handler_type, i.service, i.key, i.notified, i.awaiting,
        (select count(*) from pgdurable_engine.ready r where r.id = i.id) as ready,
        (select count(*) from pgdurable_engine.running r where r.id = i.id) as running,
        (select count(*) from pgdurable_engine.failure f where f.id = i.id and f.next_retry_at is not null) as retried,
        (select count(*) from pgdurable_engine.inbox b where b.id = i.id) as waiting,
        (select count(*) from pgdurable_engine.key_holder h where h.id = i.id) as held,
        (select count(*) from pgdurable_engine.timer t where t.id = i.id and t.type = 'start') as due
    from pgdurable_engine.invocation i where i.status <> 'completed'
), wrong as (
    select format('%s is invoked: ready %s, running %s, backing off %s', p.id, p.ready, p.running, p.retried) as what
    from places p where p.status = 'invoked' and p.ready + p.running + p.retried <> 1
    union all
    select format('%s is %s: ready %s, running %s', p.id, p.status, p.ready, p.running)
    from places p where p.status <> 'invoked' and p.ready + p.running <> 0
    union all
    select format('%s is %s: %s times in an inbox', p.id, p.status, p.waiting)
    from places p where p.waiting <> (p.status = 'inboxed')::int
    union all
    select format('%s is scheduled and has no timer', p.id) from places p where p.status = 'scheduled' and p.due <> 1
    union all
    select format('%s of %s/%s is %s and holds %s keys', p.id, p.service, p.key, p.status, p.held)
    from places p
    where p.held <> (p.handler_type = 'exclusive' and p.status in ('invoked', 'suspended', 'paused'))::int
    union all
    select format('%s holds a key and is over', h.id) from pgdurable_engine.key_holder h
    where not exists (select from places p where p.id = h.id)
    union all
    select format('%s is in %s and is over', x.id, x.place)
    from (
        select r.id, 'ready' as place from pgdurable_engine.ready r
        union all select r.id, 'running' from pgdurable_engine.running r
        union all select b.id, 'inbox' from pgdurable_engine.inbox b
        union all select f.id, 'failure' from pgdurable_engine.failure f
        union all select w.id, 'waiter' from pgdurable_engine.waiter w
    ) x
    where not exists (select from places p where p.id = x.id)
    union all
    select format('%s runs for %s, who is gone', r.id, r.owner) from pgdurable_engine.running r
    where not exists (select from pgdurable_engine.worker w where w.id = r.owner)
    union all
    select format('%s waits for %s, and it is there', p.id, p.awaiting)
    from places p join pgdurable_engine.notification n on n.id = p.id
    where p.status = 'suspended' and n.type <> 31743 and n.index = any (p.awaiting)
)
select (select count(*) from places), (select count(*) from wrong), (select min(w.what) from wrong w);
