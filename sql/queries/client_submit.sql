-- One invocation from a client. $16: in a transaction of the client's user, where its hints are told at its end. A
-- delayed one is told too, as the seconds after which it is due: nobody else knows of its timer before they look.
select
    a.previous, a.outcome::text as outcome, a.value,
    -- Of one that was there before: whether this very client submitted it.
    (select i.origin = $12::uuid from pgdurable_engine.invocation i where i.id = $1::uuid) as own,
    case when $16::boolean then pgdurable_engine.announce(h.hints)::text else nullif(h.hints, '{}')::text end as hints
from pgdurable_engine.submit(array[row(
    $1::uuid, $2::text, $3::text, $4::text, $5::pgdurable_engine.handler_type, $6::bytea, $7::text, $8::text,
    $9::interval, $10::uuid, $11::int, $12::uuid, $13::int, $14::int, $15::text
)::pgdurable_engine.submission]) s
cross join lateral unnest(s.admissions) a
cross join lateral (select s.hints || case
    when $9::interval is null or a.previous then '{}'
    else array[row('timer', null, extract(epoch from $9::interval)::text, null)::pgdurable_engine.hint]
end) h (hints)
