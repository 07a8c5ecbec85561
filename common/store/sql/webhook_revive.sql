-- A genuine `completed` for an attempt that was given up: completes the row if it is failed and no newer
-- attempt exists. wave_lock has locked the wave. Answers as an act (engine.h); no row: it may not.
-- $1 migration id   $2 shard   $3 attempt   $4 result (JSON)
WITH ok AS MATERIALIZED (
    SELECT m.id, m.wave_no, m.project, m.attempt, w.completed_at IS NOT NULL AS ended, w.has_dependencies,
           (SELECT sum(p.failed) FROM wave_progress p WHERE p.wave_no = m.wave_no) - 1 AS failed_left
      FROM migrations m JOIN waves w USING (wave_no)
     WHERE m.id = $1::bigint AND m.attempt = $3::int AND m.state = 'failed'),
u AS (
    UPDATE migrations m
       SET state = 'completed', finished_at = now(), updated_at = now(), class = NULL, error = NULL,
           result = $4::jsonb
      FROM ok WHERE m.id = ok.id
    RETURNING m.id, m.state),
risen AS (DELETE FROM dead d USING ok WHERE d.migration_id = ok.id),
told AS (
    UPDATE attempts_kept a
       SET outcome = 'completed', class = NULL, finished_at = now(),
           error = 'completed after it was given up' || coalesce(': ' || a.error, '')
      FROM ok WHERE a.migration_id = ok.id AND a.attempt = ok.attempt),
awaited AS (
    INSERT INTO unresolved (migration_id, wave_no)
    SELECT id, wave_no FROM ok
     WHERE has_dependencies AND EXISTS (SELECT FROM dependencies d WHERE d.on_id = ok.id)
        ON CONFLICT DO NOTHING),
counted AS (
    INSERT INTO wave_progress AS p (wave_no, shard, completed, failed)
    SELECT wave_no, $2::smallint, 1, -1 FROM ok
        ON CONFLICT (wave_no, shard) DO UPDATE
       SET completed = p.completed + excluded.completed, failed = p.failed + excluded.failed),
w AS (
    UPDATE waves w
       SET state = CASE WHEN ok.ended AND w.state = 'error' AND ok.failed_left = 0
                        THEN 'completed'::wave_state ELSE w.state END,
           version = w.version + 1, updated_at = now(),
           failures_seen = greatest(0, w.failures_seen - 1)
      FROM ok WHERE w.wave_no = ok.wave_no
    RETURNING w.*),
l AS (
    INSERT INTO wave_logs (wave_no, line)
    SELECT wave_no, format('%s completed after its attempt %s was given up', project, attempt) FROM ok)
SELECT w.wave_no, w.version, w.state, w.batch_size, w.priority, w.queue, u.id, u.state AS row_state,
       json_build_object('ref', 'm' || u.id)::text AS data
  FROM w CROSS JOIN u
