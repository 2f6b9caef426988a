select admissions, started, hints
from pgdurable_engine.submit(
    $1::pgdurable_engine.submission[], $2::uuid, $3::int, $4::bigint, $5::pgdurable_engine.preload[]
)
