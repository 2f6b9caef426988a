-- I3: journals are 0, 1, 2... without a gap, begin with the input and end with the only output; notifications are
-- 1, 2, 3...
with journals as (
    select j.id, count(*) as n, min(j.index) as first, max(j.index) as last,
        count(*) filter (where j.type = 1025) as outputs, max(j.index) filter (where j.type = 1025) as output,
        count(*) filter (where j.type = 1024 and j.index = 0) as inputs
    from pgdurable_engine.journal j group by j.id
), notifications as (
    select n.id, count(*) as n, min(n.seq) as first, max(n.seq) as last
    from pgdurable_engine.notification n group by n.id
), wrong as (
    select format('journal of %s: %s entries from %s to %s', j.id, j.n, j.first, j.last) as what
    from journals j where j.first <> 0 or j.n <> j.last + 1 or j.inputs <> 1 or j.outputs > 1 or j.output <> j.last
    union all
    select format('notifications of %s: %s from %s to %s', n.id, n.n, n.first, n.last)
    from notifications n where n.first <> 1 or n.n <> n.last
    union all
    select format('%s has %s notifications and counts %s', i.id, coalesce(n.n, 0), i.notified)
    from pgdurable_engine.invocation i left join notifications n on n.id = i.id where coalesce(n.n, 0) <> i.notified
    union all
    select format('%s: notification %s of a command that was completed before', n.id, n.index)
    from pgdurable_engine.notification n where n.index is not null and n.type not in (31743, 1041)
    group by n.id, n.index having count(*) > 1
    union all
    select format('%s: entry %s has seen %s of %s notifications', j.id, j.index, j.seen, i.notified)
    from pgdurable_engine.journal j join pgdurable_engine.invocation i on i.id = j.id where j.seen > i.notified
    union all
    select b.what from verify.breach b where b.invariant = 'I3'
)
select (select count(*) from journals) + (select count(*) from notifications), (select count(*) from wrong),
    (select min(w.what) from wrong w);
