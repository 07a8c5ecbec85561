-- A worker says goodbye: nothing runs under its name any more.
-- $1 worker_id
WITH w AS (
    UPDATE workers SET alive = false, slot = NULL, ended_at = now(), end_reason = 'left'
     WHERE worker_id = $1::bigint AND alive
       AND NOT EXISTS (SELECT FROM under_way WHERE worker_id = $1::bigint AND state = 'running')
    RETURNING worker_id),
let_go AS (
    DELETE FROM claims c USING w WHERE c.worker_id = w.worker_id)
SELECT worker_id FROM w
