-- Both locks of leader_try, and no others are held by a session.
SELECT pg_advisory_unlock_all()
