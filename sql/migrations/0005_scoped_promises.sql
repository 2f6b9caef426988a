-- As 0004, for promises.
-- Locks nothing that writes.
--! no-transaction
create index concurrently promise_scoped on pgdurable_engine.promise (service, key) where ascii(key) = 1;
