-- The attempts of a migration, newest first, also the one that is under way.
-- $1 migration id   $2 attempts before this one only   $3 how many, one more than is shown
-- Answer: JSON, how many, the cursor of the next page
WITH found AS (
    (SELECT m.attempt, m.worker_id, m.started_at, NULL::timestamptz AS finished_at, NULL::text AS outcome,
            NULL::error_class AS class, NULL::text AS error, m.state, a.progress
       FROM migrations m LEFT JOIN active a ON a.migration_id = m.id
      WHERE m.id = $1::bigint AND m.state IN ('running', 'parked') AND m.attempt < $2::bigint)
    UNION ALL
    (SELECT attempt, worker_id, started_at, finished_at, outcome, class, error, NULL, NULL
       FROM attempts WHERE migration_id = $1::bigint AND attempt < $2::bigint
      ORDER BY attempt DESC LIMIT $3::int)),
shown AS (SELECT * FROM found ORDER BY attempt DESC LIMIT $3::int - 1)
SELECT coalesce((SELECT json_agg(json_build_object(
                            'attempt', s.attempt, 'worker_id', s.worker_id, 'host', k.host, 'pid', k.pid,
                            'started_at', s.started_at, 'finished_at', s.finished_at,
                            'seconds', extract(epoch FROM coalesce(s.finished_at, now()) - s.started_at),
                            'state', s.state, 'outcome', s.outcome, 'class', s.class, 'error', s.error,
                            'progress', s.progress) ORDER BY s.attempt DESC)
                   FROM shown s LEFT JOIN workers k USING (worker_id)), '[]'::json)::text,
       (SELECT count(*) FROM shown),
       CASE WHEN (SELECT count(*) FROM found) >= $3::int THEN (SELECT min(attempt) FROM shown) END
