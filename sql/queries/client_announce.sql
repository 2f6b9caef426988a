-- Hints only: their commit need not wait for the disk.
select set_config('synchronous_commit', 'off', true), pgdurable_engine.announce($1::text::pgdurable_engine.hint[])
