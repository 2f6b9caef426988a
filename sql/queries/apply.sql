select refused, fenced, delivered, started, hints
from pgdurable_engine.apply(
    $1::uuid, $2::pgdurable_engine.lease[], $3::pgdurable_engine.entry[], $4::pgdurable_engine.submission[],
    $5::pgdurable_engine.state_write[], $6::pgdurable_engine.promise_use[], $7::pgdurable_engine.attach[],
    $8::pgdurable_engine.notice[], $9::pgdurable_engine.ending[], $10::int, $11::bigint,
    $12::pgdurable_engine.preload[], $13::pgdurable_engine.birth[], $14::pgdurable_engine.birth[],
    $15::pgdurable_engine.key_taken[], $16::pgdurable_engine.state_read[]
)
