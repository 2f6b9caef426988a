select
    j.index, j.entry_type, j.name, j.completed, j.invoked_id, j.invoked_target, j.sleep_wakeup_at, j.raw,
    j.entry_lite_json, j.appended_at
from pgdurable.sys_journal j
where j.uuid = pgdurable.invocation_uuid($1)
order by j.index
