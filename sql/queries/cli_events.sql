select e.after_journal_entry_index as after_index, e.event_type as type, e.event_json as detail, e.appended_at
from pgdurable.sys_journal_events e
where e.uuid = pgdurable.invocation_uuid($1)
order by e.appended_at
