-- Written by `python -m tests.sql.snapshot`, compared by a test. Not run by anybody.

create type pgdurable_engine.ending_type as enum ('complete', 'suspend', 'retry', 'pause', 'release');

create type pgdurable_engine.handler_type as enum ('service', 'exclusive', 'shared', 'workflow');

create type pgdurable_engine.invocation_status as enum ('scheduled', 'inboxed', 'invoked', 'suspended', 'paused', 'completed');

create type pgdurable_engine.outcome as enum ('success', 'failure', 'void');

create type pgdurable_engine.timer_type as enum ('sleep', 'start', 'retry');

create type pgdurable_engine.admission as (
    id uuid,
    previous boolean,
    outcome pgdurable_engine.outcome,
    value bytea
);

create type pgdurable_engine.answer as (
    id uuid,
    result text
);

create type pgdurable_engine.attach as (
    source uuid,
    index integer,
    type smallint,
    target_id uuid
);

create type pgdurable_engine.birth as (
    id uuid,
    service text,
    handler text,
    key text,
    handler_type pgdurable_engine.handler_type,
    input bytea,
    headers text,
    origin uuid,
    retention integer,
    journal_retention integer,
    trace_parent text,
    attempt bigint,
    outcome pgdurable_engine.outcome,
    index integer,
    seen integer,
    output bytea
);

create type pgdurable_engine.ending as (
    id uuid,
    type pgdurable_engine.ending_type,
    index integer,
    seen integer,
    awaiting integer[],
    outcome pgdurable_engine.outcome,
    value bytea,
    delay interval,
    retry_count integer,
    code integer,
    message text,
    stacktrace text,
    related_index integer,
    related_name text,
    related_type smallint
);

create type pgdurable_engine.entry as (
    id uuid,
    index integer,
    type smallint,
    seen integer,
    name text,
    target text,
    target_id uuid,
    delay interval,
    outcome pgdurable_engine.outcome,
    value bytea,
    detail text
);

create type pgdurable_engine.finish as (
    id uuid,
    index integer,
    outcome pgdurable_engine.outcome,
    value bytea,
    seen integer
);

create type pgdurable_engine.hint as (
    type text,
    owner uuid,
    route text,
    id uuid
);

create type pgdurable_engine.key_taken as (
    id uuid,
    service text,
    key text
);

create type pgdurable_engine.lease as (
    id uuid,
    attempt bigint,
    after bigint,
    wants bigint
);

create type pgdurable_engine.notice as (
    source uuid,
    id uuid,
    type smallint,
    index integer,
    name text,
    outcome pgdurable_engine.outcome,
    value bytea
);

create type pgdurable_engine.preload as (
    service text,
    handler text,
    names text[]
);

create type pgdurable_engine.promise_use as (
    source uuid,
    index integer,
    type smallint,
    service text,
    key text,
    name text,
    outcome pgdurable_engine.outcome,
    value bytea
);

create type pgdurable_engine.signal as (
    id uuid,
    type text,
    index integer,
    name text,
    outcome pgdurable_engine.outcome,
    value bytea
);

create type pgdurable_engine.start as (
    id uuid,
    attempt bigint,
    service text,
    handler text,
    key text,
    handler_type pgdurable_engine.handler_type,
    idempotency_key text,
    trace_parent text,
    retry_count integer,
    retry_size integer,
    failing_for interval,
    entries pgdurable_engine.journal[],
    notifications pgdurable_engine.notification[],
    state pgdurable_engine.state_value[],
    state_complete boolean,
    inbox_seq bigint
);

create type pgdurable_engine.state_read as (
    id uuid,
    service text,
    key text,
    name text,
    value bytea,
    names text[]
);

create type pgdurable_engine.state_value as (
    name text,
    value bytea
);

create type pgdurable_engine.state_write as (
    source uuid,
    service text,
    key text,
    name text,
    value bytea
);

create type pgdurable_engine.submission as (
    id uuid,
    service text,
    handler text,
    key text,
    handler_type pgdurable_engine.handler_type,
    input bytea,
    headers text,
    idempotency_key text,
    delay interval,
    caller_id uuid,
    caller_index integer,
    origin uuid,
    retention integer,
    journal_retention integer,
    trace_parent text
);

create table pgdurable_engine.crash (
    id uuid not null,
    times integer not null,
    size integer not null,
    lasted interval not null,
    at timestamp with time zone not null,
    PRIMARY KEY (id)
);

create table pgdurable_engine.deployment (
    id text not null,
    rank bigint not null,
    versioned boolean not null,
    endpoint text not null,
    metadata jsonb not null default '{}'::jsonb,
    created_at timestamp with time zone not null,
    PRIMARY KEY (id),
    UNIQUE (rank)
);

create table pgdurable_engine.event (
    id uuid not null,
    after_index integer not null,
    appended_at timestamp with time zone not null,
    type text not null,
    detail text not null
);

create table pgdurable_engine.expiry (
    expires_at timestamp with time zone not null,
    id uuid not null,
    PRIMARY KEY (expires_at, id)
);

create table pgdurable_engine.failure (
    id uuid not null,
    retry_count integer not null,
    journal_size integer not null,
    code integer not null,
    message text not null,
    stacktrace text,
    related_index integer,
    related_name text,
    related_type smallint,
    failing_since timestamp with time zone not null,
    failed_at timestamp with time zone not null,
    next_retry_at timestamp with time zone,
    PRIMARY KEY (id)
);

create table pgdurable_engine.handler (
    service text not null,
    name text not null,
    type pgdurable_engine.handler_type not null,
    public boolean not null,
    definition jsonb not null,
    PRIMARY KEY (service, name)
);

create table pgdurable_engine.inbox (
    service text not null,
    key text not null,
    seq bigint not null,
    id uuid not null,
    created_at timestamp with time zone not null,
    PRIMARY KEY (service, key, seq)
) with (autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_threshold=1000);

create table pgdurable_engine.invocation (
    id uuid not null,
    service text not null,
    handler text not null,
    key text,
    handler_type pgdurable_engine.handler_type not null,
    status pgdurable_engine.invocation_status not null,
    outcome pgdurable_engine.outcome,
    notified integer not null default 0,
    awaiting integer[],
    caller_id uuid,
    caller_index integer,
    origin uuid,
    idempotency_key text,
    deployment_id text,
    retention integer not null default 0,
    journal_retention integer not null default 0,
    created_at timestamp with time zone not null,
    modified_at timestamp with time zone not null,
    inboxed_at timestamp with time zone,
    start_at timestamp with time zone,
    running_at timestamp with time zone,
    completed_at timestamp with time zone,
    restarted_from uuid,
    trace_parent text,
    PRIMARY KEY (id)
) with (autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_scale_factor=0.05, fillfactor=80);

create table pgdurable_engine.journal (
    id uuid not null,
    index integer not null,
    type smallint not null,
    seen integer not null,
    name text,
    target text,
    target_id uuid,
    wake_at timestamp with time zone,
    outcome pgdurable_engine.outcome,
    value bytea,
    detail text,
    appended_at timestamp with time zone not null,
    PRIMARY KEY (id, index)
) with (autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_insert_scale_factor=0.5);

create table pgdurable_engine.key_holder (
    service text not null,
    key text not null,
    id uuid not null,
    PRIMARY KEY (service, key)
) with (autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_threshold=1000, fillfactor=70);

create table pgdurable_engine.migration (
    number integer not null,
    name text not null,
    checksum text not null,
    breaking boolean not null,
    release text not null,
    applied_at timestamp with time zone not null default clock_timestamp(),
    PRIMARY KEY (number)
);

create table pgdurable_engine.notification (
    id uuid not null,
    seq integer not null,
    type smallint not null,
    index integer,
    name text,
    outcome pgdurable_engine.outcome not null,
    value bytea,
    appended_at timestamp with time zone not null,
    PRIMARY KEY (id, seq)
) with (autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_insert_scale_factor=0.5);

create table pgdurable_engine.promise (
    service text not null,
    key text not null,
    name text not null,
    outcome pgdurable_engine.outcome,
    value bytea,
    PRIMARY KEY (service, key, name)
);

create table pgdurable_engine.promise_waiter (
    service text not null,
    key text not null,
    name text not null,
    id uuid not null,
    index integer not null,
    PRIMARY KEY (service, key, name, id, index)
);

create table pgdurable_engine.ready (
    route text not null,
    since timestamp with time zone not null,
    id uuid not null,
    PRIMARY KEY (route, since, id)
) with (autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_threshold=1000);

create table pgdurable_engine.repeatable (
    one boolean not null default true,
    checksum text not null,
    release text not null,
    applied_at timestamp with time zone not null default clock_timestamp(),
    CHECK (one),
    PRIMARY KEY (one)
);

create table pgdurable_engine.revision (
    service text not null,
    deployment_id text not null,
    number integer not null,
    definition jsonb not null,
    updated_at timestamp with time zone not null,
    PRIMARY KEY (service, deployment_id)
);

create table pgdurable_engine.running (
    id uuid not null,
    owner uuid not null,
    attempt bigint not null,
    started_at timestamp with time zone not null,
    PRIMARY KEY (id)
) with (autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_threshold=1000, fillfactor=70);

create table pgdurable_engine.service (
    name text not null,
    revision integer not null,
    type text not null,
    public boolean not null,
    deployment_id text not null,
    definition jsonb not null,
    updated_at timestamp with time zone not null,
    CHECK ((type = ANY (ARRAY['service'::text, 'virtual_object'::text, 'workflow'::text]))),
    PRIMARY KEY (name)
);

create table pgdurable_engine.state (
    service text not null,
    key text not null,
    name text not null,
    value bytea not null,
    PRIMARY KEY (service, key, name)
) with (autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_scale_factor=0.05, fillfactor=80);

create table pgdurable_engine.timer (
    fire_at timestamp with time zone not null,
    id uuid not null,
    index integer not null,
    type pgdurable_engine.timer_type not null,
    PRIMARY KEY (fire_at, id, index)
) with (autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_threshold=1000);

create table pgdurable_engine.waiter (
    id uuid not null,
    waiter_id uuid,
    waiter_index integer,
    waiter_type smallint,
    origin uuid
);

create table pgdurable_engine.worker (
    id uuid not null,
    name text not null,
    deployment_id text,
    versioned boolean not null,
    services text[] not null,
    routes text[] not null,
    started_at timestamp with time zone not null,
    heartbeat_at timestamp with time zone not null,
    lease interval not null,
    suspected_at timestamp with time zone,
    present boolean not null default true,
    PRIMARY KEY (id)
) with (fillfactor=50);

CREATE INDEX event_id ON pgdurable_engine.event USING btree (id);
CREATE INDEX promise_scoped ON pgdurable_engine.promise USING btree (service, key) WHERE (ascii(key) = 1);
CREATE INDEX state_scoped ON pgdurable_engine.state USING btree (service, key) WHERE (ascii(key) = 1);
CREATE INDEX waiter_id ON pgdurable_engine.waiter USING btree (id);

create function pgdurable.cancel(id text) returns text language sql volatile;
create function pgdurable.clear_state(service text, key text, name text DEFAULT NULL::text, scope text DEFAULT NULL::text) returns text language sql volatile;
create function pgdurable.invocation_id(p_id uuid) returns text language sql immutable strict;
create function pgdurable.invocation_uuid(p_id text) returns uuid language plpgsql immutable strict;
create function pgdurable.kill(id text) returns text language sql volatile;
create function pgdurable.pause(id text) returns text language sql volatile;
create function pgdurable.promote_deployment(id text) returns text language plpgsql volatile;
create function pgdurable.purge(id text) returns text language plpgsql volatile;
create function pgdurable.purge_journal(id text) returns text language plpgsql volatile;
create function pgdurable.reject_awakeable(id text, message text, code integer DEFAULT 500) returns text language sql volatile;
create function pgdurable.reject_promise(service text, key text, name text, message text, code integer DEFAULT 500, scope text DEFAULT NULL::text) returns text language sql volatile;
create function pgdurable.remove_deployment(id text, force boolean DEFAULT false) returns text language plpgsql volatile;
create function pgdurable.resolve_awakeable(id text, value json DEFAULT NULL::json, bytes bytea DEFAULT NULL::bytea) returns text language sql volatile;
create function pgdurable.resolve_promise(service text, key text, name text, value json DEFAULT NULL::json, bytes bytea DEFAULT NULL::bytea, scope text DEFAULT NULL::text) returns text language sql volatile;
create function pgdurable.resume(id text, deployment text DEFAULT 'keep'::text) returns text language plpgsql volatile;
create function pgdurable.set_state(service text, key text, name text, value json DEFAULT NULL::json, bytes bytea DEFAULT NULL::bytea, scope text DEFAULT NULL::text) returns text language sql volatile;
create function pgdurable_engine.admit(p_new pgdurable_engine.submission[], p_now timestamp with time zone, OUT admitted uuid[], OUT runnable uuid[]) returns record language plpgsql volatile;
create function pgdurable_engine.admit_due(p_ids uuid[], p_now timestamp with time zone, OUT runnable uuid[]) returns uuid[] language plpgsql volatile;
create function pgdurable_engine.announce(p_hints pgdurable_engine.hint[]) returns void language plpgsql volatile;
create function pgdurable_engine.append(p_entries pgdurable_engine.entry[], p_now timestamp with time zone) returns void language plpgsql volatile;
create function pgdurable_engine.apply(p_worker uuid, p_leases pgdurable_engine.lease[], p_entries pgdurable_engine.entry[] DEFAULT '{}'::pgdurable_engine.entry[], p_calls pgdurable_engine.submission[] DEFAULT '{}'::pgdurable_engine.submission[], p_state pgdurable_engine.state_write[] DEFAULT '{}'::pgdurable_engine.state_write[], p_promises pgdurable_engine.promise_use[] DEFAULT '{}'::pgdurable_engine.promise_use[], p_attaches pgdurable_engine.attach[] DEFAULT '{}'::pgdurable_engine.attach[], p_notices pgdurable_engine.notice[] DEFAULT '{}'::pgdurable_engine.notice[], p_endings pgdurable_engine.ending[] DEFAULT '{}'::pgdurable_engine.ending[], p_room integer DEFAULT 0, p_attempt bigint DEFAULT 0, p_preload pgdurable_engine.preload[] DEFAULT '{}'::pgdurable_engine.preload[], p_begun pgdurable_engine.birth[] DEFAULT '{}'::pgdurable_engine.birth[], p_whole pgdurable_engine.birth[] DEFAULT '{}'::pgdurable_engine.birth[], p_taken pgdurable_engine.key_taken[] DEFAULT '{}'::pgdurable_engine.key_taken[], p_reads pgdurable_engine.state_read[] DEFAULT '{}'::pgdurable_engine.state_read[], OUT refused uuid[], OUT fenced uuid[], OUT delivered pgdurable_engine.notification[], OUT started pgdurable_engine.start[], OUT hints pgdurable_engine.hint[]) returns record language plpgsql volatile;
create function pgdurable_engine.attach(p_attaches pgdurable_engine.attach[]) returns pgdurable_engine.notice[] language plpgsql volatile;
create function pgdurable_engine.attach_previous(p_new pgdurable_engine.submission[], p_admitted uuid[]) returns pgdurable_engine.admission[] language plpgsql volatile;
create function pgdurable_engine.await_result(p_id uuid, p_origin uuid, OUT status pgdurable_engine.invocation_status, OUT handler_type pgdurable_engine.handler_type, OUT idempotent boolean, OUT outcome pgdurable_engine.outcome, OUT value bytea) returns record language plpgsql volatile;
create function pgdurable_engine.awaiting_json(p_awaiting integer[]) returns json language sql immutable;
create function pgdurable_engine.awakeable_id(p_id uuid, p_signal integer) returns text language sql immutable strict;
create function pgdurable_engine.awakeable_signal(p_awakeable text, OUT id uuid, OUT signal integer) returns record language plpgsql immutable;
create function pgdurable_engine.base62(p_bytes bytea, p_width integer) returns text language plpgsql immutable strict;
create function pgdurable_engine.base62_bytes(p_text text, p_length integer) returns bytea language plpgsql immutable strict;
create function pgdurable_engine.bear(p_begun pgdurable_engine.birth[], p_worker uuid, p_now timestamp with time zone) returns void language plpgsql volatile;
create function pgdurable_engine.bear_whole(p_whole pgdurable_engine.birth[], p_pin text, p_now timestamp with time zone) returns void language plpgsql volatile;
create function pgdurable_engine.bytes_json(p_bytes bytea) returns json language sql immutable strict;
create function pgdurable_engine.change_state(p_service text, p_key text, p_names text[], p_values bytea[], p_replace boolean DEFAULT false, p_version text DEFAULT NULL::text) returns text language plpgsql volatile;
create function pgdurable_engine.claim(p_worker uuid, p_room integer, p_attempt bigint, p_preload pgdurable_engine.preload[] DEFAULT '{}'::pgdurable_engine.preload[], p_within double precision DEFAULT 'Infinity'::double precision, OUT started pgdurable_engine.start[]) returns pgdurable_engine.start[] language plpgsql volatile;
create function pgdurable_engine.clock() returns timestamp with time zone language sql volatile;
create function pgdurable_engine.command_json(p_entry pgdurable_engine.journal, p_short boolean) returns json language sql stable;
create function pgdurable_engine.complete_promise(p_use pgdurable_engine.promise_use, p_late boolean) returns pgdurable_engine.notice[] language plpgsql volatile;
create function pgdurable_engine.complete_promise_and_announce(p_service text, p_key text, p_name text, p_outcome pgdurable_engine.outcome, p_value bytea) returns text language plpgsql volatile;
create function pgdurable_engine.complete_promise_outside(p_service text, p_key text, p_name text, p_outcome pgdurable_engine.outcome, p_value bytea, OUT result text, OUT hints pgdurable_engine.hint[]) returns record language plpgsql volatile;
create function pgdurable_engine.count_crashes(p_ids uuid[], p_limit integer, p_now timestamp with time zone) returns uuid[] language plpgsql volatile;
create function pgdurable_engine.crashed(p_ids uuid[]) returns uuid[] language sql stable;
create function pgdurable_engine.deliver(p_notices pgdurable_engine.notice[], p_now timestamp with time zone, OUT delivered pgdurable_engine.notification[], OUT woken uuid[]) returns record language plpgsql volatile;
create function pgdurable_engine.derived_id(p_kind text, p_service text, p_key text, p_handler text DEFAULT NULL::text, p_idempotency_key text DEFAULT NULL::text) returns uuid language sql immutable;
create function pgdurable_engine.digest_part(p_part text) returns bytea language sql immutable;
create function pgdurable_engine.drop_timers(p_ids uuid[]) returns void language plpgsql volatile;
create function pgdurable_engine.drop_waits(p_ids uuid[]) returns void language plpgsql volatile;
create function pgdurable_engine.elect(p_services text[]) returns void language plpgsql volatile;
create function pgdurable_engine.end_worker(p_worker uuid) returns pgdurable_engine.hint[] language sql volatile;
create function pgdurable_engine.end_workers(p_workers uuid[], p_heard timestamp with time zone[], p_crashes integer DEFAULT NULL::integer, OUT ended uuid[], OUT hints pgdurable_engine.hint[]) returns record language plpgsql volatile;
create function pgdurable_engine.enter_worker(p_worker uuid, OUT routes text[], OUT pin text) returns record language plpgsql volatile;
create function pgdurable_engine.entry_type(p_type smallint) returns text language sql immutable strict;
create function pgdurable_engine.expire(p_ids uuid[]) returns integer language plpgsql volatile;
create function pgdurable_engine.expire_completed(p_ids uuid[]) returns integer language sql volatile;
create function pgdurable_engine.expire_completed_journals(p_ids uuid[]) returns void language sql volatile;
create function pgdurable_engine.expire_due(p_limit integer DEFAULT 1000) returns integer language plpgsql volatile;
create function pgdurable_engine.expire_journals(p_ids uuid[]) returns void language plpgsql volatile;
create function pgdurable_engine.failure_json(p_value bytea) returns json language sql stable;
create function pgdurable_engine.failure_payload(p_code integer, p_message text) returns bytea language plpgsql stable;
create function pgdurable_engine.failure_text(p_value bytea) returns text language sql stable;
create function pgdurable_engine.fence_tree(p_kill uuid[], p_pause uuid[], OUT tree uuid[], OUT fenced uuid[]) returns record language plpgsql volatile;
create function pgdurable_engine.fence_workers(p_workers uuid[]) returns void language plpgsql volatile;
create function pgdurable_engine.finish(p_finished pgdurable_engine.finish[], p_pin text, p_now timestamp with time zone, OUT notices pgdurable_engine.notice[], OUT hints pgdurable_engine.hint[], OUT promoted uuid[]) returns record language plpgsql volatile;
create function pgdurable_engine.fire_timers(p_limit integer DEFAULT 500, OUT fired integer, OUT next_in interval, OUT delivered pgdurable_engine.notification[], OUT hints pgdurable_engine.hint[]) returns record language plpgsql volatile;
create function pgdurable_engine.follow(p_worker uuid, p_leases pgdurable_engine.lease[], p_completing uuid[], p_now timestamp with time zone) returns pgdurable_engine.hint[] language plpgsql volatile;
create function pgdurable_engine.followers(p_ids uuid[], p_after bigint[], p_routes text[]) returns pgdurable_engine.start[] language sql stable;
create function pgdurable_engine.followers_of(p_started pgdurable_engine.start[], p_fresh uuid[], p_routes text[]) returns pgdurable_engine.start[] language plpgsql stable;
create function pgdurable_engine.free_states(p_services text[], p_keys text[], p_most integer, OUT service text, OUT key text, OUT state pgdurable_engine.state_value[]) returns SETOF record language sql stable;
create function pgdurable_engine.fresh_starts(p_new pgdurable_engine.submission[], p_taken uuid[], p_attempt bigint) returns pgdurable_engine.start[] language sql stable;
create function pgdurable_engine.headers_json(p_headers json) returns json language sql immutable;
create function pgdurable_engine.heartbeat(p_worker uuid) returns boolean language sql volatile;
create function pgdurable_engine.join_previous(p_calls pgdurable_engine.submission[], p_admitted uuid[]) returns pgdurable_engine.notice[] language plpgsql volatile;
create function pgdurable_engine.join_worker(p_id uuid, p_name text, p_deployment_id text, p_versioned boolean, p_services text[], p_lease interval, p_present boolean DEFAULT true) returns void language plpgsql volatile;
create function pgdurable_engine.key_lock(p_service text, p_key text) returns bigint language sql immutable;
create function pgdurable_engine.key_of(p_key text) returns text language sql immutable;
create function pgdurable_engine.later(p_now timestamp with time zone, p_delay interval) returns timestamp with time zone language sql stable;
create function pgdurable_engine.leave(p_ids uuid[], OUT hints pgdurable_engine.hint[]) returns pgdurable_engine.hint[] language plpgsql volatile;
create function pgdurable_engine.limit_key_of(p_id uuid, p_key text) returns text language sql stable;
create function pgdurable_engine.lock_ending(p_ids uuid[], p_killed uuid[], p_cancelled uuid[]) returns uuid[] language plpgsql volatile;
create function pgdurable_engine.lock_invocations(p_ids uuid[]) returns void language plpgsql volatile;
create function pgdurable_engine.lock_keys(p_locks bigint[]) returns void language plpgsql volatile;
create function pgdurable_engine.lock_latecomers(p_notices pgdurable_engine.notice[], p_locked uuid[]) returns void language plpgsql volatile;
create function pgdurable_engine.lock_ready(p_ids uuid[]) returns void language plpgsql volatile;
create function pgdurable_engine.lock_signalled(p_signals pgdurable_engine.signal[], OUT killed uuid[], OUT locked uuid[]) returns record language plpgsql volatile;
create function pgdurable_engine.milliseconds(p_at timestamp with time zone) returns bigint language sql immutable strict;
create function pgdurable_engine.move(p_id uuid, p_deployment_id text) returns text language plpgsql volatile;
create function pgdurable_engine.need_code(p_code integer) returns void language plpgsql immutable;
create function pgdurable_engine.need_read_committed() returns void language plpgsql stable;
create function pgdurable_engine.need_text(p_what text, p_text text, p_most integer DEFAULT 1024) returns void language plpgsql immutable;
create function pgdurable_engine.need_value(p_value json, p_bytes bytea) returns void language plpgsql immutable;
create function pgdurable_engine.next_of_keys(p_ids uuid[]) returns uuid[] language sql stable;
create function pgdurable_engine.next_rank() returns bigint language sql volatile;
create function pgdurable_engine.note_expiry(p_ids uuid[], p_now timestamp with time zone) returns void language sql volatile;
create function pgdurable_engine.notification_json(p_entry pgdurable_engine.notification, p_short boolean) returns json language sql stable;
create function pgdurable_engine.notifications_after(p_ids uuid[], p_seqs integer[]) returns SETOF pgdurable_engine.notification language sql stable;
create function pgdurable_engine.notified_hints(p_delivered pgdurable_engine.notification[], p_worker uuid) returns pgdurable_engine.hint[] language sql stable;
create function pgdurable_engine.only_new(p_new pgdurable_engine.submission[]) returns pgdurable_engine.submission[] language sql stable;
create function pgdurable_engine.owners_of(p_ids uuid[], p_but uuid[]) returns uuid[] language sql volatile;
create function pgdurable_engine.partition_key_bytes(p_id uuid) returns bytea language sql immutable strict;
create function pgdurable_engine.partition_of(p_id uuid) returns integer language sql immutable strict;
create function pgdurable_engine.partition_of_key(p_key text) returns integer language sql immutable strict;
create function pgdurable_engine.payload(p_value json, p_bytes bytea) returns bytea language plpgsql immutable;
create function pgdurable_engine.pin_running(p_ids uuid[]) returns void language plpgsql volatile;
create function pgdurable_engine.place(p_ids uuid[], p_worker uuid, p_routes text[], p_room integer, p_attempt bigint, p_now timestamp with time zone, OUT taken uuid[], OUT hints pgdurable_engine.hint[]) returns record language plpgsql volatile;
create function pgdurable_engine.presence_free(p_worker uuid) returns boolean language sql volatile;
create function pgdurable_engine.presence_lock(p_worker uuid) returns bigint language sql immutable;
create function pgdurable_engine.promote(p_ids uuid[], p_now timestamp with time zone) returns uuid[] language plpgsql volatile;
create function pgdurable_engine.reap_workers(p_patience interval DEFAULT '00:00:00.3'::interval, p_crashes integer DEFAULT 10, OUT reaped uuid[], OUT hints pgdurable_engine.hint[], OUT suspected boolean) returns record language plpgsql volatile;
create function pgdurable_engine.refused_births(p_taken pgdurable_engine.key_taken[], p_reads pgdurable_engine.state_read[]) returns uuid[] language plpgsql stable;
create function pgdurable_engine.refused_followers(p_worker uuid, p_routes text[], p_leases pgdurable_engine.lease[], p_completing uuid[]) returns uuid[] language sql stable;
create function pgdurable_engine.register(p_deployment_id text, p_versioned boolean, p_endpoint text, p_metadata jsonb, p_services jsonb) returns void language plpgsql volatile;
create function pgdurable_engine.require_deployment(p_deployment_id text, p_service text) returns void language plpgsql volatile;
create function pgdurable_engine.result_json(p_outcome pgdurable_engine.outcome, p_value bytea, p_short boolean) returns json language sql stable;
create function pgdurable_engine.results(p_ids uuid[], OUT id uuid, OUT outcome pgdurable_engine.outcome, OUT value bytea) returns SETOF record language sql stable;
create function pgdurable_engine.retry_due(p_ids uuid[], p_now timestamp with time zone) returns uuid[] language sql volatile;
create function pgdurable_engine.route(p_service text, p_deployment_id text) returns text language sql immutable;
create function pgdurable_engine.routes_of(p_services text[], p_deployment_id text, p_versioned boolean) returns text[] language sql stable;
create function pgdurable_engine.scope_of(p_key text) returns text language sql immutable;
create function pgdurable_engine.scoped_key(p_scope text, p_key text) returns text language plpgsql immutable;
create function pgdurable_engine.set_aside(p_endings pgdurable_engine.ending[], p_pin text, p_now timestamp with time zone) returns uuid[] language plpgsql volatile;
create function pgdurable_engine.settle(p_names text[], p_settings text[]) returns boolean language plpgsql volatile;
create function pgdurable_engine.signal(p_signals pgdurable_engine.signal[], OUT answers pgdurable_engine.answer[], OUT delivered pgdurable_engine.notification[], OUT hints pgdurable_engine.hint[]) returns record language plpgsql volatile;
create function pgdurable_engine.signal_answers(p_signals pgdurable_engine.signal[]) returns pgdurable_engine.answer[] language sql stable;
create function pgdurable_engine.signal_json(p_index integer, p_name text) returns json language sql stable;
create function pgdurable_engine.signal_one(p_id uuid, p_type text, p_index integer DEFAULT NULL::integer, p_outcome pgdurable_engine.outcome DEFAULT NULL::pgdurable_engine.outcome, p_value bytea DEFAULT NULL::bytea) returns text language plpgsql volatile;
create function pgdurable_engine.starts(p_ids uuid[], p_fresh uuid[] DEFAULT '{}'::uuid[], p_preload pgdurable_engine.preload[] DEFAULT '{}'::pgdurable_engine.preload[]) returns pgdurable_engine.start[] language sql stable;
create function pgdurable_engine.state_version(p_service text, p_key text) returns text language sql stable;
create function pgdurable_engine.submit(p_new pgdurable_engine.submission[], p_worker uuid DEFAULT NULL::uuid, p_room integer DEFAULT 0, p_attempt bigint DEFAULT 0, p_preload pgdurable_engine.preload[] DEFAULT '{}'::pgdurable_engine.preload[], OUT admissions pgdurable_engine.admission[], OUT started pgdurable_engine.start[], OUT hints pgdurable_engine.hint[]) returns record language plpgsql volatile;
create function pgdurable_engine.sweep(p_after uuid DEFAULT NULL::uuid, p_limit integer DEFAULT 1000, OUT cursor uuid, OUT expired integer) returns record language plpgsql volatile;
create function pgdurable_engine.target_json(p_target text, p_scope text) returns json language sql stable;
create function pgdurable_engine.tell_waiters(p_finished pgdurable_engine.finish[], p_ids uuid[], OUT notices pgdurable_engine.notice[], OUT hints pgdurable_engine.hint[]) returns record language sql volatile;
create function pgdurable_engine.those_told(p_ids uuid[]) returns uuid[] language sql stable;
create function pgdurable_engine.tree_of(p_ids uuid[]) returns uuid[] language sql volatile;
create function pgdurable_engine.unserved(p_service text, p_deployment_id text) returns text language sql stable;
create function pgdurable_engine.use_promises(p_uses pgdurable_engine.promise_use[]) returns pgdurable_engine.notice[] language plpgsql volatile;
create function pgdurable_engine.utf8(p_bytes bytea) returns text language plpgsql stable strict;
create function pgdurable_engine.utf8_json(p_bytes bytea) returns json language plpgsql stable strict;
create function pgdurable_engine.wake(p_backing_off uuid[], p_aside uuid[], p_now timestamp with time zone) returns uuid[] language plpgsql volatile;
create function pgdurable_engine.wakes(p_awaiting integer[], p_type smallint, p_index integer) returns boolean language sql immutable;
create function pgdurable_engine.went_on(p_kill uuid[], p_pause uuid[], p_tree uuid[], p_fenced uuid[]) returns boolean language plpgsql volatile;
create function pgdurable_engine.worker_lock(p_worker uuid) returns bigint language sql immutable;
create function pgdurable_engine.write_state(p_state pgdurable_engine.state_write[]) returns void language plpgsql volatile;

-- view pgdurable.state
--     partition_key integer
--     scope text
--     service_name text
--     service_key text
--     key text
--     key_length bigint
--     value_utf8 text
--     value bytea
--     value_length bigint

-- view pgdurable.sys_deployment
--     id text
--     ty text
--     endpoint text
--     created_at timestamp with time zone
--     min_service_protocol_version integer
--     max_service_protocol_version integer
--     services text[]
--     status text
--     latest_services text[]
--     active_invocations bigint
--     waiting_invocations bigint
--     workers bigint
--     versioned boolean
--     metadata jsonb

-- view pgdurable.sys_inbox
--     partition_key integer
--     service_name text
--     service_key text
--     id text
--     sequence_number bigint
--     created_at timestamp with time zone
--     uuid uuid
--     scope text

-- view pgdurable.sys_invocation
--     id text
--     vqueue_id text
--     status text
--     completion_result text
--     completion_failure text
--     target text
--     target_service_name text
--     target_service_key text
--     target_handler_name text
--     target_service_ty text
--     scope text
--     limit_key text
--     idempotency_key text
--     invoked_by text
--     invoked_by_id text
--     invoked_by_subscription_id text
--     invoked_by_service_name text
--     invoked_by_target text
--     restarted_from text
--     pinned_deployment_id text
--     pinned_service_protocol_version integer
--     trace_id text
--     journal_size integer
--     journal_commands_size integer
--     created_at timestamp with time zone
--     created_using_restate_version text
--     modified_at timestamp with time zone
--     inboxed_at timestamp with time zone
--     scheduled_at timestamp with time zone
--     scheduled_start_at timestamp with time zone
--     running_at timestamp with time zone
--     completed_at timestamp with time zone
--     completion_retention interval
--     journal_retention interval
--     suspended_waiting_for_completions integer[]
--     suspended_waiting_for_signals integer[]
--     suspended_waiting_future_json text
--     retry_count bigint
--     last_start_at timestamp with time zone
--     last_attempt_deployment_id text
--     last_attempt_server text
--     next_retry_at timestamp with time zone
--     last_failure text
--     last_failure_error_code text
--     last_failure_related_command_index bigint
--     last_failure_related_command_name text
--     last_failure_related_command_type text
--     last_failure_related_entry_index bigint
--     last_failure_related_entry_name text
--     last_failure_related_entry_type text
--     last_awaiting_on_future_json text
--     uuid uuid
--     waits_for_deployment text

-- view pgdurable.sys_invocation_state
--     partition_key integer
--     id text
--     in_flight boolean
--     retry_count bigint
--     last_start_at timestamp with time zone
--     last_attempt_deployment_id text
--     last_attempt_server text
--     next_retry_at timestamp with time zone
--     last_failure text
--     last_failure_error_code text
--     last_failure_related_command_index bigint
--     last_failure_related_command_name text
--     last_failure_related_command_type text
--     last_failure_related_entry_index bigint
--     last_failure_related_entry_name text
--     last_failure_related_entry_type text
--     last_awaiting_on_future_json text
--     uuid uuid

-- view pgdurable.sys_invocation_status
--     partition_key integer
--     id text
--     vqueue_id text
--     status text
--     completion_result text
--     completion_failure text
--     target text
--     target_service_name text
--     target_service_key text
--     target_handler_name text
--     target_service_ty text
--     scope text
--     limit_key text
--     idempotency_key text
--     invoked_by text
--     invoked_by_id text
--     invoked_by_subscription_id text
--     invoked_by_service_name text
--     invoked_by_target text
--     restarted_from text
--     pinned_deployment_id text
--     pinned_service_protocol_version integer
--     trace_id text
--     journal_size integer
--     journal_commands_size integer
--     created_at timestamp with time zone
--     created_using_restate_version text
--     modified_at timestamp with time zone
--     inboxed_at timestamp with time zone
--     scheduled_at timestamp with time zone
--     scheduled_start_at timestamp with time zone
--     running_at timestamp with time zone
--     completed_at timestamp with time zone
--     completion_retention interval
--     journal_retention interval
--     suspended_waiting_for_completions integer[]
--     suspended_waiting_for_signals integer[]
--     suspended_waiting_future_json text
--     uuid uuid

-- view pgdurable.sys_journal
--     partition_key integer
--     id text
--     index integer
--     entry_type text
--     name text
--     completed boolean
--     invoked_id text
--     invoked_target text
--     sleep_wakeup_at timestamp with time zone
--     promise_name text
--     raw bytea
--     raw_length bigint
--     version integer
--     entry_json text
--     entry_lite_json text
--     appended_at timestamp with time zone
--     uuid uuid

-- view pgdurable.sys_journal_events
--     partition_key integer
--     id text
--     after_journal_entry_index integer
--     appended_at timestamp with time zone
--     event_type text
--     event_json text
--     uuid uuid

-- view pgdurable.sys_keyed_service_status
--     partition_key integer
--     service_name text
--     service_key text
--     invocation_id text
--     uuid uuid
--     scope text

-- view pgdurable.sys_locks
--     partition_key integer
--     scope text
--     lock_name text
--     acquired_at timestamp with time zone
--     acquired_by text
--     uuid uuid

-- view pgdurable.sys_promise
--     partition_key integer
--     scope text
--     service_name text
--     service_key text
--     key text
--     completed boolean
--     completion_success_value bytea
--     completion_success_value_utf8 text
--     completion_failure text

-- view pgdurable.sys_service
--     name text
--     revision integer
--     public boolean
--     ty text
--     deployment_id text
--     documentation text
--     metadata text
--     options text
