-- Hints as notifications, for verbs that are called from SQL: the engine's processes send theirs off the write path.

-- One line a hint: `route <service>` and `timer <seconds>` to everybody on channel pgdurable; `notified <uuid>`, `result <uuid>` and
-- `abort <uuid>` to one process on its own channel. A hint may be lost, so one that is too long is left out.
create or replace function pgdurable_engine.announce(p_hints pgdurable_engine.hint[]) returns void
language plpgsql
as $$
begin
    perform pg_notify(m.channel, m.payload)
    from (
        select l.channel, string_agg(l.line, e'\n' order by l.line) as payload
        from (
            -- A payload has less than 8000 bytes: lines of less than 900, cut after every 7000.
            select
                d.channel, d.line,
                (sum(octet_length(d.line) + 1) over (partition by d.channel order by d.line)
                    - octet_length(d.line) - 1)::bigint / 7000 as part
            from (
                select distinct
                    case when h.owner is null then 'pgdurable'
                        else 'pgdurable_' || replace(h.owner::text, '-', '') end as channel,
                    h.type || ' ' || coalesce(h.route, h.id::text) as line
                from unnest(p_hints) h
            ) d
            where octet_length(d.line) < 900
        ) l
        group by l.channel, l.part
    ) m;
end $$;
