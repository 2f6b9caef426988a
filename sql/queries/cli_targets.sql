-- $2 is the handler of a service, or the key of what has keys.
select i.id, i.target, i.scope, i.status
from pgdurable.sys_invocation i
where i.target_service_name = $1
    and ($2::text is null or $2 = case i.target_service_ty
        when 'service' then i.target_handler_name else i.target_service_key end)
    and ($3::text is null or i.target_service_key = $3)
    and ($4::text is null or i.target_handler_name = $4)
    and ($7::text is null or i.scope = $7)
    and i.status = any ($5::text[])
order by i.created_at
limit $6
