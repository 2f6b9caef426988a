-- Of one scope; where that is null, of what has none.
select s.service_key, s.key as name, s.value
from pgdurable.state s
where s.service_name = $1 and ($2::text is null or s.service_key = $2)
    and s.scope is not distinct from $3::text
order by 1, 2
