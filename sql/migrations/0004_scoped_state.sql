-- State in a scope is found by its key as users know it; views read the rest by the primary key, as before. No other row
-- is in this index, so it costs nothing where there are no scopes.
-- Locks nothing that writes.
--! no-transaction
create index concurrently state_scoped on pgdurable_engine.state (service, key) where ascii(key) = 1;
