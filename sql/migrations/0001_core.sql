-- Everything that holds data: schemas, types, tables, indexes. No function is called here.
-- Locks: none that matter, all of it is new.
--
-- Two schemas. `pgdurable` is the contract (views and functions for users), `pgdurable_engine` is private to the
-- engine. No foreign keys, no triggers, no jsonb on the hot tables: each would cost every step (see docs/design.md).

create schema if not exists pgdurable;
create schema if not exists pgdurable_engine;

comment on schema pgdurable is 'pgdurable: introspection views and functions for users';
comment on schema pgdurable_engine is 'pgdurable: private tables and functions of the engine';

-- ---------------------------------------------------------------------------------------------------------------------
-- Words

create type pgdurable_engine.handler_type as enum ('service', 'exclusive', 'shared', 'workflow');

-- What is stored. `invoked` is shown as ready, running or backing-off, by the tables ready, running and failure.
create type pgdurable_engine.invocation_status as enum
    ('scheduled', 'inboxed', 'invoked', 'suspended', 'paused', 'completed');

create type pgdurable_engine.outcome as enum ('success', 'failure', 'void');

create type pgdurable_engine.timer_type as enum ('sleep', 'start', 'retry');

-- ---------------------------------------------------------------------------------------------------------------------
-- The hot tables

-- The mutable row of an invocation: narrow, no payload, no index on a column that changes, room for HOT updates.
create table pgdurable_engine.invocation (
    id                uuid not null,
    service           text not null,
    handler           text not null,
    key               text,
    handler_type      pgdurable_engine.handler_type not null,
    status            pgdurable_engine.invocation_status not null,
    outcome           pgdurable_engine.outcome,          -- once completed
    notified          int not null default 0,            -- sequence of the last notification delivered
    awaiting          int[],                             -- while suspended: what wakes it, null is anything (sql/README.md)
    caller_id         uuid,                              -- the invocation that called or sent this one
    caller_index      int,                               -- the journal entry that waits for the result; null for a send
    origin            uuid,                              -- the process whose client waits for the result
    idempotency_key   text,
    deployment_id     text,                              -- it goes on there; null: not pinned, any may begin it
    retention         int not null default 0,            -- seconds the result is kept
    journal_retention int not null default 0,            -- seconds the journal is kept
    created_at        timestamptz not null,
    modified_at       timestamptz not null,
    inboxed_at        timestamptz,
    start_at          timestamptz,                       -- when a delayed one is due
    running_at        timestamptz,
    completed_at      timestamptz,
    restarted_from    uuid,
    trace_parent      text,
    primary key (id)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);

-- What a handler did. Insert-only; the primary key is a fence of its own: no two attempts both write entry n.
-- The input is entry 0 and the output the last one, so payloads have no other home.
create table pgdurable_engine.journal (
    id          uuid not null,
    index       int not null,
    type        smallint not null,                       -- pgdurable_engine.entry_type(type) names it
    seen        int not null,                            -- notifications the handler had seen when it issued this
    name        text,
    target      text,                                    -- Service/handler or Service/key/handler that is called
    target_id   uuid,                                    -- invocation called, sent, signalled or attached to
    wake_at     timestamptz,                             -- sleep, delayed send
    outcome     pgdurable_engine.outcome,                -- null: the result comes as a notification
    value       bytea,
    detail      text,                                    -- JSON: headers, idempotency key, what few entries have
    appended_at timestamptz not null,
    primary key (id, index)
) with (autovacuum_vacuum_insert_scale_factor = 0.5, autovacuum_vacuum_cost_delay = 0);

-- What others deliver to an invocation: a result, a timer, a signal. Insert-only, numbered under the invocation's row
-- lock.
create table pgdurable_engine.notification (
    id          uuid not null,
    seq         int not null,
    type        smallint not null,
    index       int,                                     -- the command it completes, or the number of a signal
    name        text,                                    -- of a named signal
    outcome     pgdurable_engine.outcome not null,
    value       bytea,
    appended_at timestamptz not null,
    primary key (id, seq)
) with (autovacuum_vacuum_insert_scale_factor = 0.5, autovacuum_vacuum_cost_delay = 0);

-- Runnable invocations and nothing else: a claim never looks at anything that waits. The route is the service, or
-- service@deployment of a pinned one.
create table pgdurable_engine.ready (
    route text not null,
    since timestamptz not null,
    id    uuid not null,
    primary key (route, since, id)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

-- Who runs what. A row is the lease of one attempt; without it an attempt appends nothing.
create table pgdurable_engine.running (
    id         uuid not null,
    owner      uuid not null,                            -- incarnation of the worker
    attempt    bigint not null,                          -- unique within the incarnation
    started_at timestamptz not null,
    primary key (id)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_cost_delay = 0);

-- The exclusive invocation that holds a key, and those that wait for it in order of arrival.
create table pgdurable_engine.key_holder (
    service text not null,
    key     text not null,
    id      uuid not null,
    primary key (service, key)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_cost_delay = 0);

create table pgdurable_engine.inbox (
    service    text not null,
    key        text not null,
    seq        bigint not null,
    id         uuid not null,
    created_at timestamptz not null,
    primary key (service, key, seq)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

create table pgdurable_engine.timer (
    fire_at timestamptz not null,
    id      uuid not null,
    index   int not null,
    type    pgdurable_engine.timer_type not null,
    primary key (fire_at, id, index)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

create table pgdurable_engine.state (
    service text not null,
    key     text not null,
    name    text not null,
    value   bytea not null,
    primary key (service, key, name)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);

-- Durable promises of workflows. A row with no outcome is only being waited for.
create table pgdurable_engine.promise (
    service text not null,
    key     text not null,
    name    text not null,
    outcome pgdurable_engine.outcome,
    value   bytea,
    primary key (service, key, name)
);

create table pgdurable_engine.promise_waiter (
    service text not null,
    key     text not null,
    name    text not null,
    id      uuid not null,
    index   int not null,
    primary key (service, key, name, id, index)
);

-- Others who wait for the result of `id`: an invocation (waiter_id, waiter_index) or a process (origin).
create table pgdurable_engine.waiter (
    id           uuid not null,
    waiter_id    uuid,
    waiter_index int,
    waiter_type  smallint,                               -- of the command that waits
    origin       uuid
);
create index waiter_id on pgdurable_engine.waiter (id);

-- The last failed attempt of an invocation that is not completed, and when the next is due.
create table pgdurable_engine.failure (
    id            uuid not null,
    retry_count   int not null,                          -- since the journal last grew
    journal_size  int not null,
    code          int not null,
    message       text not null,
    stacktrace    text,
    related_index int,
    related_name  text,
    related_type  smallint,
    failing_since timestamptz not null,                  -- the first of these failures
    failed_at     timestamptz not null,
    next_retry_at timestamptz,
    primary key (id)
);

-- Failed attempts and pauses, kept with the journal.
create table pgdurable_engine.event (
    id          uuid not null,
    after_index int not null,
    appended_at timestamptz not null,
    type        text not null,
    detail      text not null
);
create index event_id on pgdurable_engine.event (id);

-- When derived ids (idempotent calls, workflow runs) may go, which are not in time order, and what is kept for less than
-- an hour. All else a sweep finds.
create table pgdurable_engine.expiry (
    expires_at timestamptz not null,
    id         uuid not null,
    primary key (expires_at, id)
);

-- ---------------------------------------------------------------------------------------------------------------------
-- The cold tables

-- A process: a worker, an ingress, or both. The id is random, so an incarnation never comes back.
create table pgdurable_engine.worker (
    id            uuid not null primary key,
    name          text not null,
    deployment_id text,
    versioned     boolean not null,                      -- whether what it begins is pinned to its deployment
    services      text[] not null,
    routes        text[] not null,                       -- what it may claim, by what is registered now
    started_at    timestamptz not null,
    heartbeat_at  timestamptz not null,
    lease         interval not null,
    suspected_at  timestamptz                            -- its presence lock was found free
) with (fillfactor = 50);

create table pgdurable_engine.deployment (
    id         text primary key,
    rank       bigint not null unique,                   -- of those that have a service, the highest is its latest
    versioned  boolean not null,
    endpoint   text not null,
    metadata   jsonb not null default '{}',
    created_at timestamptz not null
);

-- A service as one deployment has it.
create table pgdurable_engine.revision (
    service       text not null,
    deployment_id text not null,
    number        int not null,
    definition    jsonb not null,
    updated_at    timestamptz not null,
    primary key (service, deployment_id)
);

-- Services and their handlers as their latest deployments have them.
create table pgdurable_engine.service (
    name          text primary key,
    revision      int not null,
    type          text not null check (type in ('service', 'virtual_object', 'workflow')),
    public        boolean not null,
    deployment_id text not null,
    definition    jsonb not null,                        -- documentation, retention, timeouts, retry policy
    updated_at    timestamptz not null
);

create table pgdurable_engine.handler (
    service    text not null,
    name       text not null,
    type       pgdurable_engine.handler_type not null,
    public     boolean not null,
    definition jsonb not null,
    primary key (service, name)
);

-- ---------------------------------------------------------------------------------------------------------------------
-- What the verbs take and give: arrays of these. One composite a row reads better in psql than twelve parallel arrays,
-- and is no slower (8.4 against 11.4 us a row for 128 journal entries).

create type pgdurable_engine.submission as (
    id                uuid,
    service           text,
    handler           text,
    key               text,
    handler_type      pgdurable_engine.handler_type,
    input             bytea,
    headers           text,
    idempotency_key   text,
    delay             interval,
    caller_id         uuid,
    caller_index      int,
    origin            uuid,
    retention         int,
    journal_retention int,
    trace_parent      text
);

-- Who takes part. `after` is null where SQL has leased the attempt. Else this is a follower that the worker has begun
-- ahead of its turn, from what the attempt `after` of the same key had left when it completed.
create type pgdurable_engine.lease as (
    id      uuid,
    attempt bigint,
    after   bigint,
    wants   bigint                                       -- followers behind this number in its inbox; null: none
);

-- An invocation of a service, or an exclusive one, that a worker began while it was being accepted, with its attempt;
-- and, if that has completed since, how.
create type pgdurable_engine.birth as (
    id                uuid,
    service           text,
    handler           text,
    key               text,
    handler_type      pgdurable_engine.handler_type,
    input             bytea,
    headers           text,
    origin            uuid,
    retention         int,
    journal_retention int,
    trace_parent      text,
    attempt           bigint,
    outcome           pgdurable_engine.outcome,          -- null: it runs
    index             int,                               -- of its output
    seen              int,
    output            bytea
);

-- What births on keys suppose (35_bear.sql): the first of each key in a batch, that the key is free; and what was read of
-- its state before the batch wrote it. That is a value, null where there is none; or, where `name` is null, all names.
create type pgdurable_engine.key_taken as (id uuid, service text, key text);

create type pgdurable_engine.state_read as (id uuid, service text, key text, name text, value bytea, names text[]);

create type pgdurable_engine.entry as (
    id        uuid,
    index     int,
    type      smallint,
    seen      int,
    name      text,
    target    text,
    target_id uuid,
    delay     interval,
    outcome   pgdurable_engine.outcome,
    value     bytea,
    detail    text
);

-- name null: all of the key's state; value null: clear. Folded by the worker, so each name comes once a batch.
create type pgdurable_engine.state_write as (source uuid, service text, key text, name text, value bytea);

create type pgdurable_engine.notice as (
    source  uuid,                                        -- the running invocation it comes from; null from outside
    id      uuid,
    type    smallint,
    index   int,
    name    text,
    outcome pgdurable_engine.outcome,
    value   bytea
);

create type pgdurable_engine.promise_use as (
    source  uuid,
    index   int,
    type    smallint,                                    -- GetPromise, PeekPromise, CompletePromise
    service text,
    key     text,
    name    text,
    outcome pgdurable_engine.outcome,
    value   bytea
);

-- AttachInvocation waits, GetInvocationOutput does not.
create type pgdurable_engine.attach as (source uuid, index int, type smallint, target_id uuid);

create type pgdurable_engine.ending_type as enum ('complete', 'suspend', 'retry', 'pause', 'release');

create type pgdurable_engine.ending as (
    id            uuid,
    type          pgdurable_engine.ending_type,
    index         int,                                   -- journal size; of a completion, the index of the output
    seen          int,
    awaiting      int[],
    outcome       pgdurable_engine.outcome,
    value         bytea,
    delay         interval,                              -- before the next attempt
    retry_count   int,
    code          int,
    message       text,
    stacktrace    text,
    related_index int,
    related_name  text,
    related_type  smallint
);

create type pgdurable_engine.finish as (id uuid, index int, outcome pgdurable_engine.outcome, value bytea, seen int);

create type pgdurable_engine.state_value as (name text, value bytea);

-- Which state comes along with a start of this handler: what is named. All of it, for handlers that are not listed.
create type pgdurable_engine.preload as (service text, handler text, names text[]);

-- All that is needed to run an attempt. `entries` is null when the caller of the verb has just sent the input itself.
create type pgdurable_engine.start as (
    id              uuid,
    attempt         bigint,
    service         text,
    handler         text,
    key             text,
    handler_type    pgdurable_engine.handler_type,
    idempotency_key text,
    trace_parent    text,
    retry_count     int,
    retry_size      int,                                 -- journal size at the last failure
    failing_for     interval,                            -- since the first of these failures, by this clock
    entries         pgdurable_engine.journal[],
    notifications   pgdurable_engine.notification[],
    state           pgdurable_engine.state_value[],      -- null: too much, nothing of it is here
    state_complete  boolean,                             -- whether what is not in `state` does not exist
    inbox_seq       bigint                               -- of a follower: it is not leased, but waits here for its turn
);

create type pgdurable_engine.admission as (
    id       uuid,
    previous boolean,
    outcome  pgdurable_engine.outcome,                   -- of a previous one that is completed
    value    bytea
);

-- Something another process would like to know at once. Lossy: polling finds it too.
create type pgdurable_engine.hint as (
    type text,                                           -- route: work; notified: for a running invocation; result: of id
    owner uuid,                                          -- the process to tell; null for any that serves the route
    route text,
    id    uuid
);

create type pgdurable_engine.signal as (
    id      uuid,
    type    text,                                        -- notify, cancel, kill, pause, resume
    index   int,
    name    text,
    outcome pgdurable_engine.outcome,
    value   bytea
);

create type pgdurable_engine.answer as (id uuid, result text);
