-- Suspended invocations that nothing will wake: what they wait for is there, or cannot come any more.
with asleep as (
    select i.id, i.awaiting from pgdurable_engine.invocation i where i.status = 'suspended' and i.awaiting is not null
), wrong as (
    select a.id, 'sleep, and what they wait for is there' as problem
    from asleep a
    join pgdurable_engine.notification n on n.id = a.id
    where n.type <> 31743 and n.index = any (a.awaiting)
    union
    select a.id, case j.type when 1036 then 'wait for a timer that is not there'
        else 'wait for the result of a call that is over' end
    from asleep a
    join pgdurable_engine.journal j on j.id = a.id and j.index = any (a.awaiting)
    where case j.type
            when 1036 then not exists (
                select from pgdurable_engine.timer t where t.id = j.id and t.index = j.index and t.type = 'sleep'
            )
            when 1037 then not exists (
                select from pgdurable_engine.invocation c where c.id = j.target_id and c.status <> 'completed'
            )
        end
        and not exists (
            select from pgdurable_engine.notification n where n.id = j.id and n.index = j.index and n.type <> 31743
        )
)
select
    'error' as severity,
    format('%s suspended invocations %s, such as %s', count(*), w.problem,
        pgdurable.invocation_id((array_agg(w.id order by w.id))[1])) as what,
    'nothing wakes them' as why,
    'pgdurable inv resume ID; keep what `pgdurable inv describe ID` shows and report it' as fix
from wrong w
group by w.problem
order by w.problem
