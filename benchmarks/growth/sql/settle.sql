-- What autovacuum and the checkpointer would do about so many new rows is done before anything is measured.
vacuum (analyze);
checkpoint;
