-- The engine's settings for one transaction, for connections that a pooler hands from one client to the next
-- (queries/pooled.sql). Everything else sets them when it connects (pgdurable/store/lane.py).

-- Always true. Raises PD005 where a verb would look at rows older than the locks it has waited for: the isolation is the
-- one thing that cannot be set any more once a statement runs.
create or replace function pgdurable_engine.settle(p_names text[], p_settings text[]) returns boolean
language plpgsql
as $$
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'transactions here are %, and behind a pooler that cannot be changed',
            current_setting('transaction_isolation')
            using errcode = 'PD005', hint = 'alter role ... set default_transaction_isolation = ''read committed''';
    end if;
    for i in 1 .. cardinality(p_names) loop
        perform set_config(p_names[i], p_settings[i], true);
    end loop;
    return true;
end $$;
