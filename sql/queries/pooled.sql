-- pooled
-- What a statement of the engine becomes behind a pooler, where no session keeps the engine's settings: it brings them
-- along, for itself alone. The condition is a subselect, so it is evaluated once, and before the statement does anything.
select q.* from (
{statement}
) q
where (select pgdurable_engine.settle(array[{names}], array[{settings}]))
