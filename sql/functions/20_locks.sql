-- Locks are held for one transaction, never across user code. Order, so that two transactions cannot wait for each
-- other:
--   1. the worker's lock (shared by whoever writes for it, exclusive to take invocations away from it)
--   2. the locks of object keys, sorted
--   3. rows of invocation, sorted by id
-- A hash that collides makes two keys wait for each other; it never mixes them up, since the truth is in rows.

create or replace function pgdurable_engine.key_lock(p_service text, p_key text) returns bigint
language sql immutable parallel safe
as $$ select hashtextextended(p_key, hashtextextended(p_service, 0)) $$;

create or replace function pgdurable_engine.worker_lock(p_worker uuid) returns bigint
language sql immutable parallel safe
as $$ select hashtextextended(p_worker::text, 9070) $$;

create or replace function pgdurable_engine.lock_keys(p_locks bigint[]) returns void
language plpgsql
as $$
begin
    perform pg_advisory_xact_lock(x.lock)
    from (select distinct l as lock from unnest(p_locks) l where l is not null order by l offset 0) x;
end $$;

-- The fence: while this transaction lives, nobody can declare the worker dead. Raises PD001 when somebody has.
-- Says what the worker may claim, and the deployment that pins what it has begun, if it does.
create or replace function pgdurable_engine.enter_worker(p_worker uuid, out routes text[], out pin text)
language plpgsql
as $$
begin
    perform pg_advisory_xact_lock_shared(pgdurable_engine.worker_lock(p_worker));
    select w.routes, case when w.versioned then w.deployment_id end into routes, pin
    from pgdurable_engine.worker w where w.id = p_worker;
    if not found then
        raise exception 'worker % is not registered, or was declared dead', p_worker
            using errcode = 'PD001', hint = 'register again under a new id; what it was running is running elsewhere';
    end if;
end $$;

-- To take running invocations away from their workers: waits for what these workers are just committing.
create or replace function pgdurable_engine.fence_workers(p_workers uuid[]) returns void
language plpgsql
as $$
declare
    v_worker uuid;
begin
    for v_worker in select distinct w from unnest(p_workers) w where w is not null order by 1 loop
        perform pg_advisory_xact_lock(pgdurable_engine.worker_lock(v_worker));
    end loop;
end $$;

-- Rows of those who are to be told something, beside those that are locked already: who began to wait for a result
-- while its row was being waited for. They come out of order, but before anything of theirs is read: a number given
-- twice, or a suspension that is not seen, would be worse than a deadlock, which is tried again.
create or replace function pgdurable_engine.lock_latecomers(p_notices pgdurable_engine.notice[], p_locked uuid[])
returns void
language plpgsql
as $$
declare
    v_late uuid[] := array(select n.id from unnest(p_notices) n except select l from unnest(p_locked) l);
begin
    if cardinality(v_late) > 0 then
        perform pgdurable_engine.lock_invocations(v_late);
    end if;
end $$;

-- Rows that several transactions may update, in the one order.
create or replace function pgdurable_engine.lock_invocations(p_ids uuid[]) returns void
language plpgsql
as $$
begin
    perform from pgdurable_engine.invocation i where i.id = any (p_ids) order by i.id for no key update;
end $$;
