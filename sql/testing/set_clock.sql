select pgdurable_testing.set_clock($1::timestamptz, $2::double precision)
