-- A body has learnt its target. No row: the attempt is over, or another migration runs with this pair.
-- $1 migration id   $2 attempt   $3 brz_project_id
UPDATE migrations m SET brz_project_id = $3::bigint, updated_at = now()
 WHERE m.id = $1::bigint AND m.attempt = $2::int AND m.state = 'running'
   AND NOT EXISTS (SELECT FROM migrations o
                    WHERE o.brz_project_id = $3::bigint AND o.project = m.project AND o.id <> m.id
                      AND o.state IN ('running', 'parked'))
RETURNING m.id
