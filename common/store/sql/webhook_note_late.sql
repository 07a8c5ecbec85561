-- Keeps a genuine webhook that says completed for an attempt that was given up: the statement behind this one
-- revives the row if it may.
-- $1 migration id   $2 attempt   $3 body
INSERT INTO webhooks (migration_id, attempt, verdict, body)
SELECT $1::bigint, $2::int,
       CASE WHEN EXISTS (SELECT FROM migrations m
                          WHERE m.id = $1::bigint AND m.attempt = $2::int AND m.state = 'failed')
            THEN 'revived' ELSE 'late' END,
       $3::jsonb
