-- I6: attempts at exclusive invocations of one key never overlap, but for what one transaction hands over; nor do two
-- attempts at one invocation.
with turns as (
    select l.id, l.n as began, l.xid, e.n as ended, e.xid as ended_xid
    from verify.lease l
    left join lateral (
        select x.n, x.xid from verify.lease x
        where x.id = l.id and x.owner = l.owner and x.attempt = l.attempt and not x.taken
        order by x.n limit 1
    ) e on true
    where l.taken
), checked as (
    select t.*, i.service, i.key,
        lead(t.began) over keys as next, lead(t.xid) over keys as next_xid
    from turns t join pgdurable_engine.invocation i on i.id = t.id where i.handler_type = 'exclusive'
    window keys as (partition by i.service, i.key order by t.began)
), alone as (
    select t.*, lead(t.began) over (partition by t.id order by t.began) as next from turns t
), wrong as (
    select format('%s/%s: %s ran when the next began', c.service, c.key, c.id) as what
    from checked c
    where c.next is not null and (c.ended is null or (c.ended > c.next and c.ended_xid <> c.next_xid))
    union all
    select format('%s ran twice at once', a.id) from alone a
    where a.next is not null and (a.ended is null or a.ended > a.next)
)
select (select count(*) from alone), (select count(*) from wrong), (select min(w.what) from wrong w);
