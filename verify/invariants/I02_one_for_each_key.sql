-- I2: one invocation for each idempotency key of a target.
with checked as (
    select i.service, i.handler, i.key, i.idempotency_key, count(*) as n
    from pgdurable_engine.invocation i where i.idempotency_key is not null
    group by 1, 2, 3, 4
), wrong as (
    select format('%s/%s/%s with %s: %s', c.service, c.key, c.handler, c.idempotency_key, c.n) as what
    from checked c where c.n > 1
)
select (select count(*) from checked), (select count(*) from wrong), (select min(w.what) from wrong w);
