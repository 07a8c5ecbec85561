-- Says whose session this is, for as long as it lives (reap_sessions).
-- $1 worker_id
SELECT pg_advisory_lock_shared(1702, ($1::bigint % 2147483647)::int)
