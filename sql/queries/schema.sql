-- schema
-- What was applied to this database.
select
    array(select m.number from pgdurable_engine.migration m order by m.number) as numbers,
    array(select m.number from pgdurable_engine.migration m where m.breaking order by m.number) as breaking,
    (
        select a.release
        from (
            select m.release, m.applied_at from pgdurable_engine.migration m
            union all
            select r.release, r.applied_at from pgdurable_engine.repeatable r
        ) a
        order by a.applied_at desc limit 1
    ) as migrated_by,
    (select r.checksum from pgdurable_engine.repeatable r) as functions
