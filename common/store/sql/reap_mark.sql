-- Marks a worker dead, unless it has renewed since it was looked at. A claim that is under way ends first.
-- $1 worker_id   $2 beat that was seen; -1: any (a process about its own former row)
-- $3 reason: lease, process_gone, former, left_over
WITH w AS (
    SELECT worker_id FROM workers
     WHERE worker_id = $1::bigint AND alive AND (beat = $2::bigint OR $2::bigint = -1)
       FOR UPDATE)
UPDATE workers u SET alive = false, slot = NULL, ended_at = now(), end_reason = $3::text
  FROM w WHERE u.worker_id = w.worker_id
RETURNING u.worker_id
