-- Pauses a queue, or lets it go on. A claim looks here; queue_claims waits for those that have looked already.
-- $1 queue   $2 true: paused   $3 who
-- Answer: JSON, whether it changed, the runners that serve the queue
WITH old AS MATERIALIZED (
    SELECT * FROM queues WHERE queue = $1::text FOR UPDATE),
now AS (
    INSERT INTO queues AS q (queue, paused, changed_by)
    SELECT $1::text, $2::boolean, $3::text
     WHERE $2::boolean IS DISTINCT FROM coalesce((SELECT paused FROM old), false)
        ON CONFLICT (queue) DO UPDATE
       SET paused = excluded.paused, changed_by = excluded.changed_by, changed_at = now()
     WHERE q.paused IS DISTINCT FROM excluded.paused
    RETURNING *),
said AS (
    SELECT * FROM now UNION ALL SELECT * FROM old WHERE NOT EXISTS (SELECT FROM now))
SELECT json_build_object(
           'name', $1::text, 'paused', $2::boolean, 'changed', EXISTS (SELECT FROM now),
           'changed_by', (SELECT changed_by FROM said), 'changed_at', (SELECT changed_at FROM said))::text,
       EXISTS (SELECT FROM now),
       (SELECT coalesce(sum(concurrency), 0) FROM workers WHERE alive AND NOT draining AND $1::text = ANY (queues))
