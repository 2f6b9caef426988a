-- I11: no sleep ended and no delayed one began before it was due, each sleep ended once, and no timer is overdue.
with slept as (
    select j.id, j.index, j.wake_at, n.appended_at
    from pgdurable_engine.journal j
    join pgdurable_engine.notification n on n.id = j.id and n.index = j.index and n.type = 1036
    where j.type = 1036
), delayed as (
    select i.id from pgdurable_engine.invocation i
    where i.start_at is not null
), wrong as (
    select format('sleep %s of %s was due at %s and ended at %s', s.index, s.id, s.wake_at, s.appended_at) as what
    from slept s where s.appended_at < s.wake_at
    union all
    select format('sleep %s of %s ended %s times', s.index, s.id, count(*))
    from slept s group by s.id, s.index having count(*) > 1
    union all
    select b.what from verify.breach b where b.invariant = 'I11'
    union all
    select format('a timer of %s was due at %s', t.id, t.fire_at)
    from pgdurable_engine.timer t where t.fire_at < pgdurable_engine.clock() - interval '5 seconds'
)
select (select count(*) from slept) + (select count(*) from delayed), (select count(*) from wrong),
    (select min(w.what) from wrong w);
