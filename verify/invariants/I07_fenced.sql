-- I7: nothing was appended without the lease: by a transaction that did not hold the lock of the worker which had it.
with wrong as (
    select format('entry %s of %s: %s', e.index, e.id, e.lease) as what from verify.entry e where e.lease is not null
)
select (select count(*) from verify.entry), (select count(*) from wrong), (select min(w.what) from wrong w);
