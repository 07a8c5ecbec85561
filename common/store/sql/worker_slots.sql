-- Before a worker takes a slot: one at a time, until the commit.
SELECT pg_advisory_xact_lock(7309452310002)
