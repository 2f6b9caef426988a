-- I8: of those that waited in an inbox, each began after all that had arrived before it.
with checked as (
    select a.n as arrived, i.id, i.service, i.key,
        (select min(l.n) from verify.lease l where l.id = a.id and l.taken) as began
    from verify.arrival a join pgdurable_engine.invocation i on i.id = a.id
), ordered as (
    select c.*, max(c.began) over (
        partition by c.service, c.key order by c.arrived rows between unbounded preceding and 1 preceding
    ) as latest_before
    from checked c where c.began is not null
), wrong as (
    select format('%s of %s/%s began before one that arrived earlier', o.id, o.service, o.key) as what
    from ordered o where o.latest_before > o.began
)
select (select count(*) from ordered), (select count(*) from wrong), (select min(w.what) from wrong w);
