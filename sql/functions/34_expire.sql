-- Retention: everything of an invocation goes at once.

create or replace function pgdurable_engine.expire(p_ids uuid[]) returns int
language plpgsql
as $$
declare
    v_workflows pgdurable_engine.invocation[];
    v_gone      int;
begin
    if cardinality(p_ids) = 0 then
        return 0;
    end if;
    perform pgdurable_engine.drop_timers(p_ids);
    perform pgdurable_engine.drop_waits(p_ids);
    delete from pgdurable_engine.journal j where j.id = any (p_ids);
    delete from pgdurable_engine.notification n where n.id = any (p_ids);
    delete from pgdurable_engine.event e where e.id = any (p_ids);
    delete from pgdurable_engine.failure f where f.id = any (p_ids);
    delete from pgdurable_engine.waiter w where w.id = any (p_ids);
    with gone as (
        delete from pgdurable_engine.invocation i where i.id = any (p_ids) returning i.*
    )
    select count(*), array_agg(g::pgdurable_engine.invocation) filter (where g.handler_type = 'workflow')
    into v_gone, v_workflows
    from gone g;
    -- A workflow's state and promises live as long as its run.
    if v_workflows is not null then
        delete from pgdurable_engine.state s using unnest(v_workflows) w
        where s.service = any (array[w.service]) and s.key = w.key;
        delete from pgdurable_engine.promise p using unnest(v_workflows) w
        where p.service = any (array[w.service]) and p.key = w.key;
        delete from pgdurable_engine.promise_waiter p using unnest(v_workflows) w
        where p.service = any (array[w.service]) and p.key = w.key;
    end if;
    return v_gone;
end $$;

-- The journal goes before the result: all entries but the output, which is the last.
create or replace function pgdurable_engine.expire_journals(p_ids uuid[]) returns void
language plpgsql
as $$
begin
    if cardinality(p_ids) = 0 then
        return;
    end if;
    perform pgdurable_engine.drop_timers(p_ids);
    perform pgdurable_engine.drop_waits(p_ids);
    delete from pgdurable_engine.journal j
    where j.id = any (p_ids)
        and j.index < (select max(x.index) from pgdurable_engine.journal x where x.id = j.id);
    delete from pgdurable_engine.notification n where n.id = any (p_ids);
    delete from pgdurable_engine.event e where e.id = any (p_ids);
end $$;

-- Timers that nobody waits for any more: a derived id may be used again, and they would fire in its new life.
create or replace function pgdurable_engine.drop_timers(p_ids uuid[]) returns void
language plpgsql
as $$
begin
    delete from pgdurable_engine.timer t using pgdurable_engine.journal j
    where j.id = any (p_ids) and j.type = 1036
        and t.fire_at = any (array[j.wake_at]) and t.id = j.id and t.index = j.index;
    delete from pgdurable_engine.timer t using pgdurable_engine.invocation i
    where i.id = any (p_ids) and i.start_at is not null
        and t.fire_at = any (array[i.start_at]) and t.id = i.id and t.index = 0;
end $$;

-- What nobody waits for any more, whoever it comes from: likewise, it would be told to the next life of a derived id. It
-- was killed, or returned before what it had called, attached to or been promised came.
create or replace function pgdurable_engine.drop_waits(p_ids uuid[]) returns void
language plpgsql
as $$
declare
    v_derived uuid[] := array(
        select i.id from pgdurable_engine.invocation i
        where i.id = any (p_ids) and (i.idempotency_key is not null or i.handler_type = 'workflow')
    );
begin
    if cardinality(v_derived) = 0 then
        return;
    end if;
    update pgdurable_engine.invocation i set caller_index = null
    from (
        select j.id, j.index, j.target_id from pgdurable_engine.journal j
        where j.id = any (v_derived) and j.type = 1037
        order by j.target_id
    ) c
    where i.id = any (array[c.target_id]) and i.caller_id = c.id and i.caller_index = c.index and i.status <> 'completed';
    delete from pgdurable_engine.waiter w using pgdurable_engine.journal j
    where j.id = any (v_derived) and j.type in (1037, 1042) and w.id = any (array[j.target_id]) and w.waiter_id = j.id;
    delete from pgdurable_engine.promise_waiter p using pgdurable_engine.journal j, pgdurable_engine.invocation i
    where j.id = any (v_derived) and j.type = 1033 and i.id = any (array[j.id])
        and p.service = any (array[i.service]) and p.key = i.key and p.name = j.name and p.id = j.id;
end $$;
