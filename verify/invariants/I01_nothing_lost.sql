-- I1: every invocation is completed once everything is well again.
with checked as (
    select i.id, i.status, i.service, i.key from pgdurable_engine.invocation i
), wrong as (
    select format('%s of %s/%s is %s', c.id, c.service, c.key, c.status) as what
    from checked c where c.status <> 'completed'
)
select (select count(*) from checked), (select count(*) from wrong), (select min(w.what) from wrong w);
