-- One worker at a time reconciles: a lock of the session, gone with its connection.
SELECT pg_try_advisory_lock(7309452310003)
