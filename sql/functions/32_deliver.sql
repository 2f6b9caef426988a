-- Notifications: numbered under the row lock of the invocation that receives them, which wakes when it was suspended.
-- The caller holds these rows (lock_invocations).

-- Does a suspended invocation wait for this? `awaiting` lists journal indexes; null waits for anything. Named signals
-- and a cancellation (signal 1) always wake.
create or replace function pgdurable_engine.wakes(p_awaiting int[], p_type smallint, p_index int) returns boolean
language sql immutable parallel safe
as $$
    select p_awaiting is null
        or case when p_type = 31743 then p_index is null or p_index = 1 or -p_index = any (p_awaiting)
                else p_index = any (p_awaiting) end
$$;

-- `delivered` is what running invocations got, `woken` are those that are runnable again.
create or replace function pgdurable_engine.deliver(
    p_notices pgdurable_engine.notice[], p_now timestamptz,
    out delivered pgdurable_engine.notification[], out woken uuid[]
)
language plpgsql
as $$
begin
    with numbered as (
        select
            n.id, i.notified + row_number() over (partition by n.id order by n.ordinality) as seq,
            n.type, n.index, n.name, n.outcome, n.value,
            case
                when i.status = 'suspended' then pgdurable_engine.wakes(i.awaiting, n.type, n.index)
                when i.status = 'paused' then n.type = 31743 and n.index = 1
            end as wakes
        from unnest(p_notices) with ordinality n
        join pgdurable_engine.invocation i on i.id = any (array[n.id])
        where i.status <> 'completed'
    ), appended as (
        insert into pgdurable_engine.notification (id, seq, type, index, name, outcome, value, appended_at)
        select n.id, n.seq, n.type, n.index, n.name, n.outcome, n.value, p_now from numbered n
        returning *
    ), touched as (
        update pgdurable_engine.invocation i
        set notified = n.last,
            status = case when n.wakes then 'invoked' else i.status end,
            awaiting = case when n.wakes then null else i.awaiting end,
            modified_at = p_now
        from (
            select x.id, max(x.seq) as last, bool_or(x.wakes) as wakes from numbered x group by x.id
        ) n
        where i.id = any (array[n.id])
        returning i.id, n.wakes
    )
    select
        (select array_agg(a::pgdurable_engine.notification order by a.id, a.seq) from appended a),
        (select array_agg(t.id order by t.id) from touched t where t.wakes)
    into delivered, woken;
end $$;
