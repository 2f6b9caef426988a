select i.id, i.target, i.scope, i.status from pgdurable.sys_invocation i where i.uuid = pgdurable.invocation_uuid($1)
