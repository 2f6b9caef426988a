select i.id, i.target, i.status from pgdurable.sys_invocation i where i.uuid = pgdurable.invocation_uuid($1)
