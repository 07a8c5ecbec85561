-- What a body notes for its next run, durable before it goes on. No row: the attempt is over.
-- $1 migration id   $2 attempt   $3 JSON
UPDATE migrations SET memo = $3::jsonb
 WHERE id = $1::bigint AND attempt = $2::int AND state IN ('running', 'parked')
RETURNING id
