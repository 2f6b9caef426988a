-- Those whose last attempt failed, and at most so many: more would only wait for each other.
with failed as (
    select i.id from pgdurable.sys_invocation i where i.status = 'backing-off' order by i.created_at limit 1000
), hurried as materialized (
    select pgdurable.resume(f.id) as answer from failed f
)
select count(*) as count from hurried h where h.answer = 'accepted'
