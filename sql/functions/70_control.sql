-- For people in psql and for the CLI: what `signal` can do to an invocation, by the text of its id. Each answers with
-- a word:
--   accepted         it was told, or will go on
--   done             it is so now
--   completed        too late, it has completed
--   not_running      nothing to pause or to resume
--   not_completed    only what is completed can be purged
--   running          it runs: only one that does not can go on with another deployment; pause it first
--   not_found        no such invocation, or one whose retention is over
-- An id that is not one raises PD003. Killing and pausing wait for what the worker is just committing, and keep it from
-- committing more until the transaction ends: end it soon.

create or replace function pgdurable_engine.signal_one(
    p_id uuid, p_type text, p_index int default null,
    p_outcome pgdurable_engine.outcome default null, p_value bytea default null
) returns text
language plpgsql
as $$
declare
    v_answers pgdurable_engine.answer[];
    v_hints   pgdurable_engine.hint[];
begin
    select s.answers, s.hints into v_answers, v_hints
    from pgdurable_engine.signal(array[
        row(p_id, p_type, p_index, null, p_outcome, p_value)::pgdurable_engine.signal
    ]) s;
    perform pgdurable_engine.announce(v_hints);
    return v_answers[1].result;
end $$;

create or replace function pgdurable.cancel(id text) returns text
language sql
as $$ select pgdurable_engine.signal_one(pgdurable.invocation_uuid(cancel.id), 'cancel') $$;

comment on function pgdurable.cancel(text) is
    'Ask an invocation to stop: its handler gets a TerminalError and may compensate. Not begun, it ends at once';

create or replace function pgdurable.kill(id text) returns text
language sql
as $$ select pgdurable_engine.signal_one(pgdurable.invocation_uuid(kill.id), 'kill') $$;

comment on function pgdurable.kill(text) is
    'End an invocation and the calls it waits for, wherever they are. Nothing is compensated';

create or replace function pgdurable.pause(id text) returns text
language sql
as $$ select pgdurable_engine.signal_one(pgdurable.invocation_uuid(pause.id), 'pause') $$;

comment on function pgdurable.pause(text) is 'Stop a running invocation until it is resumed. Its journal is kept';

-- deployment: keep, latest, or the id of one. Raises PD004 for one that it cannot go on with.
create or replace function pgdurable.resume(id text, deployment text default 'keep') returns text
language plpgsql
as $$
declare
    v_id      uuid := pgdurable.invocation_uuid(resume.id);
    v_refused text;
begin
    if deployment <> 'keep' then
        v_refused := pgdurable_engine.move(v_id, nullif(deployment, 'latest'));
    end if;
    return coalesce(v_refused, pgdurable_engine.signal_one(v_id, 'resume'));
end $$;

comment on function pgdurable.resume(text, text) is
    'Run a paused, suspended or backing-off invocation now; deployment: keep, latest, or the id of one to go on with';

create or replace function pgdurable.purge(id text) returns text
language plpgsql
as $$
declare
    v_id     uuid := pgdurable.invocation_uuid(purge.id);
    v_status pgdurable_engine.invocation_status;
begin
    select i.status into v_status from pgdurable_engine.invocation i where i.id = v_id for update;
    if v_status is null then
        return 'not_found';
    elsif v_status <> 'completed' then
        return 'not_completed';
    end if;
    perform pgdurable_engine.expire(array[v_id]);
    return 'done';
end $$;

comment on function pgdurable.purge(text) is
    'Forget a completed invocation with its journal and result; of a workflow also its state and promises';

create or replace function pgdurable.purge_journal(id text) returns text
language plpgsql
as $$
declare
    v_id     uuid := pgdurable.invocation_uuid(purge_journal.id);
    v_status pgdurable_engine.invocation_status;
begin
    select i.status into v_status from pgdurable_engine.invocation i where i.id = v_id for update;
    if v_status is null then
        return 'not_found';
    elsif v_status <> 'completed' then
        return 'not_completed';
    end if;
    perform pgdurable_engine.expire_journals(array[v_id]);
    return 'done';
end $$;

comment on function pgdurable.purge_journal(text) is 'Forget the journal of a completed invocation; its result is kept';
