-- I13: a workflow's run handler has one invocation for each key.
with checked as (
    select i.service, i.key, count(*) as n
    from pgdurable_engine.invocation i where i.handler_type = 'workflow' group by 1, 2
), wrong as (
    select format('%s/%s ran %s times', c.service, c.key, c.n) as what from checked c where c.n <> 1
)
select (select count(*) from checked), (select count(*) from wrong), (select min(w.what) from wrong w);
