-- Names and text forms. The text of an invocation id is Restate's: `inv_1`, 11 characters of base 62 for the partition
-- key, 22 for the uuid; both numbers are read from their bytes in little-endian order.

create or replace function pgdurable_engine.base62(p_bytes bytea, p_width int) returns text
language plpgsql immutable strict parallel safe
as $$
declare
    c_digits constant text := '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
    v_number numeric := 0;
    v_text   text := '';
begin
    for v_byte in reverse length(p_bytes) - 1 .. 0 loop
        v_number := v_number * 256 + get_byte(p_bytes, v_byte);
    end loop;
    for v_place in 1 .. p_width loop
        v_text := substr(c_digits, mod(v_number, 62)::int + 1, 1) || v_text;
        v_number := div(v_number, 62);
    end loop;
    return v_text;
end $$;

create or replace function pgdurable_engine.base62_bytes(p_text text, p_length int) returns bytea
language plpgsql immutable strict parallel safe
as $$
declare
    c_digits constant text := '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
    v_number numeric := 0;
    v_digit  int;
    v_bytes  bytea := decode(repeat('00', p_length), 'hex');
begin
    foreach v_digit in array array(select strpos(c_digits, c) - 1 from string_to_table(p_text, null) c) loop
        if v_digit < 0 then
            return null;
        end if;
        v_number := v_number * 62 + v_digit;
    end loop;
    for v_byte in 0 .. p_length - 1 loop
        v_bytes := set_byte(v_bytes, v_byte, mod(v_number, 256)::int);
        v_number := div(v_number, 256);
    end loop;
    return case when v_number = 0 then v_bytes end;
end $$;

-- The 12 bits of an id that say where its rows belong: of the object key's hash where there is a key.
create or replace function pgdurable_engine.partition_of(p_id uuid) returns int
language sql immutable strict parallel safe
as $$ select ('x' || substr(p_id::text, 16, 3))::bit(12)::int $$;

-- The 8 bytes in front of the uuid in Restate's ids: the partition, then bits of the uuid, which tell a mistyped id.
create or replace function pgdurable_engine.partition_key_bytes(p_id uuid) returns bytea
language sql immutable strict parallel safe
as $$ select decode(substr(h, 14, 3) || substr(h, 20, 13), 'hex') from (select replace(p_id::text, '-', '')) x (h) $$;

create or replace function pgdurable.invocation_id(p_id uuid) returns text
language sql immutable strict parallel safe
as $$
    select 'inv_1' || pgdurable_engine.base62(pgdurable_engine.partition_key_bytes(p_id), 11)
        || pgdurable_engine.base62(uuid_send(p_id), 22)
$$;

comment on function pgdurable.invocation_id(uuid) is 'the inv_1... text of an invocation id';

create or replace function pgdurable.invocation_uuid(p_id text) returns uuid
language plpgsql immutable strict parallel safe
as $$
declare
    v_bytes bytea;
    v_id    uuid;
begin
    if p_id ~ '^inv_1[0-9a-zA-Z]{33}$' then
        v_bytes := pgdurable_engine.base62_bytes(substr(p_id, 17), 16);
        v_id := encode(v_bytes, 'hex')::uuid;
    end if;
    if v_id is null or pgdurable.invocation_id(v_id) <> p_id then
        raise exception 'bad invocation id %', quote_literal(p_id)
            using errcode = 'PD003', hint = 'an invocation id is inv_1 and 33 letters or digits; was it copied whole?';
    end if;
    return v_id;
end $$;

comment on function pgdurable.invocation_uuid(text) is 'the uuid of an inv_1... id; raises PD003 for a mistyped one';

-- Restate's names of journal entries, by the numbers of its protocol.
create or replace function pgdurable_engine.entry_type(p_type smallint) returns text
language sql immutable strict parallel safe
as $$
    select case p_type
        when 1024 then 'Input'
        when 1025 then 'Output'
        when 1026 then 'GetLazyState'
        when 1027 then 'SetState'
        when 1028 then 'ClearState'
        when 1029 then 'ClearAllState'
        when 1030 then 'GetLazyStateKeys'
        when 1031 then 'GetEagerState'
        when 1032 then 'GetEagerStateKeys'
        when 1033 then 'GetPromise'
        when 1034 then 'PeekPromise'
        when 1035 then 'CompletePromise'
        when 1036 then 'Sleep'
        when 1037 then 'Call'
        when 1038 then 'OneWayCall'
        when 1040 then 'SendSignal'
        when 1041 then 'Run'
        when 1042 then 'AttachInvocation'
        when 1043 then 'GetInvocationOutput'
        when 1044 then 'CompleteAwakeable'
        when 31743 then 'Signal'
    end
$$;
