-- Another deployment for an invocation that has begun: it will be replayed there.

-- p_deployment_id null: whichever is the latest of its service when it goes on. Null when that is so, else why not, in
-- the words of sql/functions/70_control.sql. Raises PD004 for a deployment that it cannot go on with.
create or replace function pgdurable_engine.move(p_id uuid, p_deployment_id text) returns text
language plpgsql
as $$
declare
    v_service  text;
    v_status   pgdurable_engine.invocation_status;
    v_since    timestamptz;
begin
    perform pgdurable_engine.need_read_committed();
    perform pg_advisory_xact_lock_shared(9070, 2);  -- nobody removes that deployment meanwhile
    perform pgdurable_engine.lock_invocations(array[p_id]);  -- first: with it nobody makes it ready
    perform pgdurable_engine.lock_ready(array[p_id]);
    select i.service, i.status into v_service, v_status from pgdurable_engine.invocation i where i.id = p_id;
    if v_status is null then
        return 'not_found';
    elsif v_status = 'completed' then
        return 'completed';
    elsif v_status in ('scheduled', 'inboxed') then
        return 'not_running';
    elsif exists (select from pgdurable_engine.running r where r.id = p_id) then
        return 'running';
    end if;
    perform pgdurable_engine.require_deployment(p_deployment_id, v_service);

    delete from pgdurable_engine.ready x
    using pgdurable_engine.invocation i
    where i.id = p_id and x.route = any (array[pgdurable_engine.route(i.service, i.deployment_id)]) and x.id = i.id
    returning x.since into v_since;
    update pgdurable_engine.invocation i
    set deployment_id = p_deployment_id, modified_at = pgdurable_engine.clock()
    where i.id = p_id;
    if v_since is not null then
        insert into pgdurable_engine.ready (route, since, id)
        values (pgdurable_engine.route(v_service, p_deployment_id), v_since, p_id);
        perform pgdurable_engine.announce(array[
            row('returned', null, pgdurable_engine.route(v_service, p_deployment_id), null)::pgdurable_engine.hint
        ]);
    end if;
    return null;
end $$;

-- Raises PD004 unless what is pinned to this deployment can go on with this service.
create or replace function pgdurable_engine.require_deployment(p_deployment_id text, p_service text) returns void
language plpgsql
as $$
declare
    v_versioned boolean;
begin
    if p_deployment_id is null then
        return;
    end if;
    select d.versioned into v_versioned from pgdurable_engine.deployment d where d.id = p_deployment_id;
    if v_versioned is null then
        raise exception 'there is no deployment %', quote_literal(p_deployment_id)
            using errcode = 'PD004', hint = 'say keep, latest, or one that pgdurable.sys_deployment lists';
    elsif not v_versioned then
        raise exception 'nothing can be pinned to deployment %, which has no versions', quote_literal(p_deployment_id)
            using errcode = 'PD004', hint = 'say latest: whichever is the latest of the service goes on with it';
    elsif not exists (
        select from pgdurable_engine.revision r where r.deployment_id = p_deployment_id and r.service = p_service
    ) then
        raise exception 'deployment % does not have service %', quote_literal(p_deployment_id), quote_literal(p_service)
            using errcode = 'PD004', hint = 'pgdurable.sys_deployment lists the services of each';
    end if;
end $$;
