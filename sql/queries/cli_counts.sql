select i.status, count(*) as count from pgdurable.sys_invocation i group by 1 order by 1
