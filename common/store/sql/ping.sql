-- Whether PostgreSQL answers, and takes writes: true on a standby.
SELECT pg_is_in_recovery()
