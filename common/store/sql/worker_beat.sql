-- Renews a lease, and says whether somebody asked it to drain; no row: the worker is dead. Renewal never
-- revives.
-- $1 worker_id   $2 draining
UPDATE workers SET beat = beat + 1, draining = $2::boolean
 WHERE worker_id = $1::bigint AND alive
RETURNING beat, drain_asked_by IS NOT NULL
