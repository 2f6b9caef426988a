-- What people write in psql, checked before it meets a constraint or an index that says less. NUL and half surrogates
-- cannot get here: PostgreSQL's text has none.

-- Raises PD006 for a service, key or name that is missing, or that no index has room for. Keys and names have 1024 bytes
-- as everywhere; p_most is more where something of the engine's own stands in front.
create or replace function pgdurable_engine.need_text(p_what text, p_text text, p_most int default 1024) returns void
language plpgsql immutable
as $$
begin
    if p_text is null then
        raise exception 'bad %: it is null', p_what using errcode = 'PD006', hint = 'it has to be a text';
    elsif octet_length(p_text) > p_most then
        raise exception 'bad %: it has % bytes, and % is the limit', p_what, octet_length(p_text), p_most
            using errcode = 'PD006', hint = 'shorten it, or use a hash of it';
    end if;
end $$;

-- Raises PD006 for the code of an error that no client could be told: it is a status of HTTP.
create or replace function pgdurable_engine.need_code(p_code int) returns void
language plpgsql immutable
as $$
begin
    if p_code is null or p_code not between 100 and 999 then
        raise exception 'bad code %', coalesce(p_code::text, 'null')
            using errcode = 'PD006', hint = 'it is a status of HTTP, like 409; left out it is 500';
    end if;
end $$;

-- Raises PD006 for a value that is not wanted twice, or that is larger than any process would take (payload_limit).
create or replace function pgdurable_engine.need_value(p_value json, p_bytes bytea) returns void
language plpgsql immutable
as $$
begin
    if p_value is not null and p_bytes is not null then
        raise exception 'bad value: it is given as JSON and as bytes'
            using errcode = 'PD006', hint = 'give one of the two';
    elsif greatest(octet_length(p_value::text), octet_length(p_bytes)) > 33554432 then
        raise exception 'bad value: it is larger than 32 MiB'
            using errcode = 'PD006', hint = 'store it elsewhere and pass a reference';
    end if;
end $$;

-- Raises PD005 in a transaction that sees rows as they were when it began, or its statement did: what a verb looks at
-- after it has waited for a lock would be older than the lock. Connections of the engine set their isolation; people in
-- psql have that of their database.
create or replace function pgdurable_engine.need_read_committed() returns void
language plpgsql stable
as $$
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'this cannot be done in a transaction that is %', current_setting('transaction_isolation')
            using errcode = 'PD005', hint = 'begin isolation level read committed';
    end if;
end $$;
