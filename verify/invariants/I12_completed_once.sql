-- I12: a promise that is completed stays as it is, and all who were told were told the same.
with told as (
    select i.service, i.key, j.name, n.outcome, n.value
    from pgdurable_engine.notification n
    join pgdurable_engine.journal j on j.id = n.id and j.index = n.index and j.type = 1033
    join pgdurable_engine.invocation i on i.id = n.id
    where n.type = 1033
), wrong as (
    select format('%s/%s: %s is not what was told', t.service, t.key, t.name) as what
    from told t join pgdurable_engine.promise p on p.service = t.service and p.key = t.key and p.name = t.name
    where (p.outcome, p.value) is distinct from (t.outcome, t.value)
    union all
    select b.what from verify.breach b where b.invariant = 'I12'
)
select (select count(*) from told) + (select count(*) from pgdurable_engine.promise), (select count(*) from wrong),
    (select min(w.what) from wrong w);
