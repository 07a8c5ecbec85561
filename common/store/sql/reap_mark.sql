-- Marks a worker dead, unless it has renewed since it was looked at.
-- $1 worker_id   $2 beat that was seen   $3 reason: lease, process_gone
UPDATE workers SET alive = false, slot = NULL, ended_at = now(), end_reason = $3::text
 WHERE worker_id = $1::bigint AND alive AND beat = $2::bigint
RETURNING worker_id
