-- I15: what is completed stays as it is, and its status and its output agree.
with checked as (
    select i.id, i.outcome as said, o.outcome as journaled
    from pgdurable_engine.invocation i
    left join pgdurable_engine.journal o on o.id = i.id and o.type = 1025
    where i.status = 'completed'
), wrong as (
    select format('%s is a %s, and its output a %s', c.id, c.said, c.journaled) as what
    from checked c where c.said is distinct from c.journaled
    union all
    select b.what from verify.breach b where b.invariant = 'I15'
)
select (select count(*) from checked), (select count(*) from wrong), (select min(w.what) from wrong w);
