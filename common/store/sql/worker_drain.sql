-- Asks a worker to drain; its next renewal tells it.
-- $1 worker_id   $2 who
-- Answer: JSON, whether it was asked just now
WITH k AS MATERIALIZED (
    SELECT * FROM workers WHERE worker_id = $1::bigint FOR NO KEY UPDATE),
ok AS MATERIALIZED (
    SELECT k.*, k.drain_asked_by IS NULL AND NOT k.draining AS changes
      FROM (SELECT) one LEFT JOIN k ON true
     WHERE CASE
           WHEN k.worker_id IS NULL THEN refuse('WF404', format('there is no worker %s', $1::bigint))
           WHEN NOT k.alive
           THEN refuse('WF409', format('worker %s is no longer alive: %s', k.worker_id,
                                       CASE k.end_reason WHEN 'left' THEN 'it has left' ELSE 'it has died' END))
           ELSE true END),
u AS (
    UPDATE workers w SET drain_asked_by = $2::text FROM ok WHERE w.worker_id = ok.worker_id AND ok.changes)
SELECT json_build_object(
           'id', worker_id, 'changed', changes, 'draining', draining,
           'drain_asked_by', CASE WHEN changes THEN $2::text ELSE drain_asked_by END,
           'running', (SELECT count(*) FROM under_way a
                        WHERE a.worker_id = ok.worker_id AND a.state = 'running'))::text,
       changes
  FROM ok
