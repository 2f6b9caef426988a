-- For people: deployments that may go, and which one is the latest. Each answers with a word:
--   done           it is so now
--   not_found      no such deployment
--   active         it is the latest of a service
--   draining       invocations that began on it have not completed
--   has_workers    workers of it live; one that is started again would register it again

create or replace function pgdurable.remove_deployment(id text, force boolean default false) returns text
language plpgsql
as $$
declare
    v_status   text;
    v_workers  bigint;
    v_services text[];
begin
    perform pg_advisory_xact_lock(9070, 2);
    select d.status, d.workers into v_status, v_workers
    from pgdurable.sys_deployment d where d.id = remove_deployment.id;
    if v_status is null then
        return 'not_found';
    elsif v_status <> 'drained' and not force then
        return v_status;
    elsif v_workers > 0 and not force then
        return 'has_workers';
    end if;
    delete from pgdurable_engine.deployment d where d.id = remove_deployment.id;
    with gone as (
        delete from pgdurable_engine.revision r where r.deployment_id = remove_deployment.id returning r.service
    )
    select array_agg(g.service) into v_services from gone g;
    perform pgdurable_engine.elect(v_services);
    perform pg_notify('pgdurable', 'registry');
    return 'done';
end $$;

comment on function pgdurable.remove_deployment(text, boolean) is
    'Forget a drained deployment. Forced: any; what is pinned to it waits until it is resumed on another';

create or replace function pgdurable.promote_deployment(id text) returns text
language plpgsql
as $$
begin
    perform pg_advisory_xact_lock(9070, 2);
    update pgdurable_engine.deployment d set rank = pgdurable_engine.next_rank() where d.id = promote_deployment.id;
    if not found then
        return 'not_found';
    end if;
    perform pgdurable_engine.elect(array(
        select r.service from pgdurable_engine.revision r where r.deployment_id = promote_deployment.id
    ));
    perform pg_notify('pgdurable', 'registry');
    return 'done';
end $$;

comment on function pgdurable.promote_deployment(text) is
    'Make a deployment the latest of all its services: what begins from now on runs on it. What has begun stays';
