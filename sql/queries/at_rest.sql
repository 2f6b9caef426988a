-- Nothing is ready for a worker, nothing is due, and its attempts are those that it knows of, with nothing to hear.
select not exists (
        select from pgdurable_engine.worker w join pgdurable_engine.ready r on r.route = any (w.routes)
        where w.id = $1::uuid
    )
    and not exists (select from pgdurable_engine.timer t where t.fire_at <= pgdurable_engine.clock())
    and not exists (
        select from pgdurable_engine.running r
        join pgdurable_engine.invocation i on i.id = any (array[r.id])
        left join unnest($2::uuid[], $3::int[]) a (id, heard) on a.id = any (array[r.id])
        where r.owner = $1::uuid and (a.id is null or a.heard < i.notified)
    )
