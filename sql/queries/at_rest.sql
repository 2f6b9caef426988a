-- Nothing is ready, nothing is due, and the attempts of a worker are those that it knows of, with nothing to hear.
select not exists (select from pgdurable_engine.ready r where r.route = any ($2::text[]))
    and not exists (select from pgdurable_engine.timer t where t.fire_at <= pgdurable_engine.clock())
    and not exists (
        select from pgdurable_engine.running r
        join pgdurable_engine.invocation i on i.id = any (array[r.id])
        left join unnest($3::uuid[], $4::int[]) a (id, heard) on a.id = any (array[r.id])
        where r.owner = $1::uuid and (a.id is null or a.heard < i.notified)
    )
