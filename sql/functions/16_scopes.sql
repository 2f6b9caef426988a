-- Scopes: the same service and key in another scope is another object. A scope is a part of the key as it is stored, so
-- nothing that locks, waits, numbers or hashes by key knows of it: `\x01` and the scope, then `/` and the key where there
-- is one. No key of a user's begins with that character. This file and sdk/pgdurable_sdk/scopes.py are all that make
-- such a text and take it apart; a test compares them.

-- Null for what has none.
create or replace function pgdurable_engine.scope_of(p_key text) returns text
language sql immutable parallel safe
as $$ select case when ascii(p_key) = 1 then split_part(substr(p_key, 2), '/', 1) end $$;

-- Without its scope; null for a service, which has none.
create or replace function pgdurable_engine.key_of(p_key text) returns text
language sql immutable parallel safe
as $$
    select case
        when ascii(p_key) = 1 then case when strpos(p_key, '/') > 0 then substr(p_key, strpos(p_key, '/') + 1) end
        else p_key
    end
$$;

-- As it is stored, of what has keys. Raises PD006 for what can be neither scope nor key.
create or replace function pgdurable_engine.scoped_key(p_scope text, p_key text) returns text
language plpgsql immutable parallel safe
as $$
begin
    if ascii(p_key) = 1 then
        raise exception 'a key cannot begin with the control character U+0001'
            using errcode = 'PD006', hint = 'give the scope and the key apart, as the views show them';
    elsif p_scope !~ '^[a-zA-Z0-9_.-]{1,36}$' then
        raise exception 'bad scope %', quote_literal(p_scope)
            using errcode = 'PD006', hint = 'a scope is 1 to 36 letters, digits, _, . or -';
    elsif p_scope is not null and p_key is null then
        raise exception 'bad key: it is null' using errcode = 'PD006', hint = 'it has to be a text';
    end if;
    return case
        when p_scope is null then p_key
        else concat(e'\x01', p_scope, '/', p_key)
    end;
end $$;

-- The limit key that an invocation was called with, kept with its input; null for what has no scope.
create or replace function pgdurable_engine.limit_key_of(p_id uuid, p_key text) returns text
language sql stable parallel safe
as $$
    select case when ascii(p_key) = 1 then (
        select j.detail::json ->> 'limit_key' from pgdurable_engine.journal j where j.id = p_id and j.index = 0
    ) end
$$;
