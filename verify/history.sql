-- What happened, beside what is: triggers write down what the tables forget. Nothing of the engine reads it, and its
-- rows are committed or rolled back with what they tell of. `at` is the machine's time, whatever the engine's clock says.

create schema verify;

create table verify.lease (
    n       bigint generated always as identity,
    at      timestamptz not null default clock_timestamp(),
    xid     xid8 not null default pg_current_xact_id(),
    taken   boolean not null,                            -- or given back
    id      uuid not null,
    owner   uuid not null,
    attempt bigint not null
);

create table verify.arrival (
    n  bigint generated always as identity,
    at timestamptz not null default clock_timestamp(),
    id uuid not null
);

create table verify.entry (
    at    timestamptz not null default clock_timestamp(),
    id    uuid not null,
    index int not null,
    type  smallint not null,
    step  boolean not null,                              -- the result of a step
    lease text                                           -- null: fine; else what is wrong with it
);

create table verify.breach (
    at        timestamptz not null default clock_timestamp(),
    invariant text not null,
    what      text not null
);

create index on verify.lease (id);
create index on verify.entry (id, index);

-- I6, I7: whoever appends for a running attempt holds the lock of the worker that has its lease. What begins in the
-- very transaction that ends it, or follows another one of its key there, never has a row in `running`: then it is the
-- lock of a worker that lives.
create function verify.on_journal() returns trigger language plpgsql as $$
begin
    insert into verify.entry (id, index, type, step, lease)
    with held as materialized (
        select (l.classid::bigint << 32) | l.objid::bigint as lock
        from pg_locks l where l.pid = pg_backend_pid() and l.locktype = 'advisory' and l.objsubid = 1
    )
    select a.id, a.index, a.type, a.type = 1041 and a.outcome is not null,
        case
            when a.type = 1024 then null
            when r.owner is null and a.type <> 1025 and not exists (
                select from pgdurable_engine.worker w join held h on h.lock = hashtextextended(w.id::text, 9070)
            ) then 'nobody runs it'
            when r.owner is not null and not exists (
                select from held h where h.lock = hashtextextended(r.owner::text, 9070)
            ) then 'somebody else runs it'
        end
    from added a left join pgdurable_engine.running r on r.id = a.id;
    return null;
end $$;
create trigger verify_journal after insert on pgdurable_engine.journal
    referencing new table as added for each statement execute function verify.on_journal();

create function verify.on_notification() returns trigger language plpgsql as $$
begin
    insert into verify.entry (id, index, type, step)
    select a.id, a.index, a.type, true from added a where a.type = 1041;
    return null;
end $$;
create trigger verify_notification after insert on pgdurable_engine.notification
    referencing new table as added for each statement execute function verify.on_notification();

create function verify.on_running() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        insert into verify.lease (taken, id, owner, attempt) values (true, new.id, new.owner, new.attempt);
    else
        insert into verify.lease (taken, id, owner, attempt) values (false, old.id, old.owner, old.attempt);
    end if;
    return null;
end $$;
create trigger verify_running after insert or delete on pgdurable_engine.running
    for each row execute function verify.on_running();

create function verify.on_inbox() returns trigger language plpgsql as $$
begin
    insert into verify.arrival (id) values (new.id);
    return null;
end $$;
create trigger verify_inbox after insert on pgdurable_engine.inbox
    for each row execute function verify.on_inbox();

-- I3, I12, I15: what may never change. I11: what may not begin yet, by the clock of the transaction that begins it.
create function verify.forbid() returns trigger language plpgsql as $$
begin
    insert into verify.breach (invariant, what) values (tg_argv[0], format('%s became %s', old, new));
    return null;
end $$;
create trigger verify_immutable after update on pgdurable_engine.journal
    for each row execute function verify.forbid('I3');
create trigger verify_immutable after update on pgdurable_engine.notification
    for each row execute function verify.forbid('I3');
create trigger verify_immutable after update on pgdurable_engine.promise
    for each row when (old.outcome is not null and old is distinct from new) execute function verify.forbid('I12');
create trigger verify_terminal after update on pgdurable_engine.invocation
    for each row when (
        old.status = 'completed'
        and (new.status, new.outcome, new.completed_at) is distinct from (old.status, old.outcome, old.completed_at)
    )
    execute function verify.forbid('I15');
create trigger verify_early after update on pgdurable_engine.invocation
    for each row when (
        old.status = 'scheduled' and new.status in ('invoked', 'inboxed') and new.modified_at < new.start_at
    )
    execute function verify.forbid('I11');
