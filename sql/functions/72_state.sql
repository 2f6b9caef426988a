-- For people in psql and for clients: the state of an object or workflow, changed from outside. It belongs to the
-- invocation that holds the key, so it is changed between two of them or not at all. Answers:
--   done         it is so now
--   held         an invocation that has not completed has the key, or the workflow has not ended
--   changed      it is not the version that the caller has seen
--   not_found    no such object or workflow

-- What a version of the state is called: Restate's, a hash of all names and values.
create or replace function pgdurable_engine.state_version(p_service text, p_key text) returns text
language sql stable
as $$
    select translate(encode(sha256(coalesce(string_agg(
        int8send(s.position - 1) || '\x01'::bytea || convert_to(s.name, 'UTF8') || '\x02'::bytea || s.value || '\x03'::bytea,
        '' order by s.position
    ), '')), 'base64'), '+/=', '-_')
    from (
        select x.name, x.value, row_number() over (order by x.name collate "C") as position
        from pgdurable_engine.state x where x.service = p_service and x.key = p_key
    ) s
$$;

-- Sets each name to its value, or clears it where that is null; with p_replace, everything else is cleared. With a
-- p_version, only if that is what the state is.
create or replace function pgdurable_engine.change_state(
    p_service text, p_key text, p_names text[], p_values bytea[],
    p_replace boolean default false, p_version text default null
) returns text
language plpgsql
as $$
declare
    v_type   text := (select s.type from pgdurable_engine.service s where s.name = p_service);
    v_status pgdurable_engine.invocation_status;
begin
    perform pgdurable_engine.need_read_committed();
    perform pgdurable_engine.need_text('service', p_service);
    perform pgdurable_engine.need_text('key', p_key, 1100);  -- a scope stands in front of it
    perform pgdurable_engine.need_text('name of state', n.name) from unnest(p_names) n (name);
    if v_type = 'virtual_object' then
        -- Nobody takes the key from here to the end of the transaction.
        perform pgdurable_engine.lock_keys(array[pgdurable_engine.key_lock(p_service, p_key)]);
        if exists (select from pgdurable_engine.key_holder h where h.service = p_service and h.key = p_key) then
            return 'held';
        end if;
    elsif v_type = 'workflow' then
        select i.status into v_status from pgdurable_engine.invocation i
        where i.id = pgdurable_engine.derived_id('wf', p_service, p_key)
        for update;
        if v_status <> 'completed' then
            return 'held';
        end if;
    end if;
    if v_type = 'service' or v_type is null or (v_type = 'workflow' and v_status is null) then
        return 'not_found';
    elsif p_version <> pgdurable_engine.state_version(p_service, p_key) then
        return 'changed';
    end if;
    if p_replace then
        perform pgdurable_engine.write_state(array[
            row(null, p_service, p_key, null, null)::pgdurable_engine.state_write
        ]);
    end if;
    perform pgdurable_engine.write_state(array(
        select row(null, p_service, p_key, c.name, c.value)::pgdurable_engine.state_write
        from unnest(p_names, p_values) c (name, value)
    ));
    return 'done';
end $$;

create or replace function pgdurable.set_state(
    service text, key text, name text, value json default null, bytes bytea default null, scope text default null
) returns text
language sql
as $$
    select pgdurable_engine.change_state(
        set_state.service, pgdurable_engine.scoped_key(set_state.scope, set_state.key), array[set_state.name],
        array[pgdurable_engine.payload(set_state.value, set_state.bytes)]
    )
$$;

comment on function pgdurable.set_state(text, text, text, json, bytea, text) is
    'Set one value of an object or of an ended workflow; answers held where an invocation has the key';

create or replace function pgdurable.clear_state(
    service text, key text, name text default null, scope text default null
) returns text
language sql
as $$
    select pgdurable_engine.change_state(
        clear_state.service, pgdurable_engine.scoped_key(clear_state.scope, clear_state.key),
        case when clear_state.name is null then '{}' else array[clear_state.name] end,
        case when clear_state.name is null then '{}' else array[null]::bytea[] end,
        clear_state.name is null
    )
$$;

comment on function pgdurable.clear_state(text, text, text, text) is
    'Clear one value, or all of them, of an object or of an ended workflow; answers as set_state does';
