select pg_notify(n.channel, n.payload) from unnest($1::text[], $2::text[]) n (channel, payload)
