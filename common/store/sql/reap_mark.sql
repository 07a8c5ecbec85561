-- Marks a worker dead, unless it has renewed since it was looked at.
-- $1 worker_id   $2 beat that was seen; -1: any (a process about its own former row)
-- $3 reason: lease, process_gone, former
UPDATE workers SET alive = false, slot = NULL, ended_at = now(), end_reason = $3::text
 WHERE worker_id = $1::bigint AND alive AND (beat = $2::bigint OR $2::bigint = -1)
RETURNING worker_id
