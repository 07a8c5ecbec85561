-- Keeps a genuine webhook.
-- $1 migration id   $2 attempt   $3 body   $4 verdict: settled, late, noted
-- $5 true: it says completed, and the statement behind this one revives the row if it may
INSERT INTO webhooks (migration_id, attempt, verdict, body)
SELECT $1::bigint, $2::int,
       CASE WHEN $5::boolean AND EXISTS (SELECT FROM migrations m
                                          WHERE m.id = $1::bigint AND m.attempt = $2::int
                                            AND m.state = 'failed')
            THEN 'revived' ELSE $4::text END,
       $3::jsonb
RETURNING verdict
