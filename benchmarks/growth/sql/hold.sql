-- A snapshot that is kept: until it is given back, vacuum removes nothing that it could see.
begin isolation level repeatable read;
select count(*) from pgdurable_engine.worker;
