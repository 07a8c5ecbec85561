-- One worker at a time reconciles: a lock of the session, gone with its connection. A second one beside it
-- says who holds it (leader_depose).
-- $1 worker_id
SELECT CASE WHEN pg_try_advisory_lock(7309452310003)
            THEN pg_try_advisory_lock(1702, ($1::bigint % 2147483647)::int) ELSE false END
