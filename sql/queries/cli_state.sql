select s.service_key, s.key as name, s.value
from pgdurable.state s
where s.service_name = $1 and ($2::text is null or s.service_key = $2)
order by 1, 2
