-- The time, to be compared with that of the machine that asks.
select extract(epoch from clock_timestamp())::float8 as seconds
