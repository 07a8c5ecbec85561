-- A worker says goodbye: nothing runs under its name any more.
-- $1 worker_id
UPDATE workers SET alive = false, slot = NULL, ended_at = now(), end_reason = 'left'
 WHERE worker_id = $1::bigint AND alive
   AND NOT EXISTS (SELECT FROM active WHERE worker_id = $1::bigint AND state = 'running')
RETURNING worker_id
