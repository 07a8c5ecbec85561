-- A lock held by an attempt; it is free when that attempt no longer runs.
-- $1 name   $2 migration id   $3 attempt
INSERT INTO locks AS l (name, migration_id, attempt)
SELECT $1::text, m.id, m.attempt FROM migrations m
 WHERE m.id = $2::bigint AND m.attempt = $3::int AND m.state = 'running'
    ON CONFLICT (name) DO UPDATE SET migration_id = excluded.migration_id, attempt = excluded.attempt
 WHERE (l.migration_id = excluded.migration_id AND l.attempt = excluded.attempt)
    OR NOT EXISTS (SELECT FROM migrations h
                    WHERE h.id = l.migration_id AND h.attempt = l.attempt AND h.state = 'running')
RETURNING name
