-- Restarts one migration: back to pending with a fresh budget; its target, attempts and log stay, and
-- the wave runs. wave_lock has locked the wave. Answers as an act (engine.h).
-- $1 migration id   $2 shard   $3 who   $4 JSON object to merge into its params, or null
WITH t AS MATERIALIZED (
    SELECT m.id, m.wave_no, m.project, m.state AS was, w.wave_id, w.state AS wave_was,
           w.completed_at IS NOT NULL AS ended
      FROM migrations m JOIN waves w USING (wave_no)
     WHERE m.id = $1::bigint),
ok AS MATERIALIZED (
    SELECT * FROM t
     WHERE CASE
           WHEN was IN ('running', 'parked', 'blocked') OR (was = 'pending' AND wave_was <> 'ready')
           THEN refuse('WF409', format('migration m%s is %s and cannot be restarted', id, was))
           WHEN wave_was = 'planning'
           THEN refuse('WF409', format('migration m%s cannot be restarted while its wave %s is planning',
                                       id, wave_id))
           ELSE true END),
u AS (
    UPDATE migrations m
       SET state = 'pending', spent = 0, crashes = 0, worker_id = NULL, memo = NULL,
           first_started_at = NULL, started_at = NULL, finished_at = NULL, updated_at = now(),
           class = NULL, error = NULL,
           params = CASE WHEN $4::jsonb IS NULL THEN m.params
                         ELSE coalesce(m.params, '{}'::jsonb) || $4::jsonb END
      FROM ok WHERE m.id = ok.id
    RETURNING m.id, m.attempt, m.state, ok.was),
gone AS (DELETE FROM active a USING ok WHERE a.migration_id = ok.id),
risen AS (DELETE FROM dead d USING ok WHERE d.migration_id = ok.id),
counted AS (
    INSERT INTO wave_progress AS p (wave_no, shard, completed, failed, cancelled)
    SELECT wave_no, $2::smallint, -(was = 'completed')::int, -(was = 'failed')::int,
           -(was = 'cancelled')::int
      FROM ok
        ON CONFLICT (wave_no, shard) DO UPDATE
       SET completed = p.completed + excluded.completed, failed = p.failed + excluded.failed,
           cancelled = p.cancelled + excluded.cancelled),
w AS (
    UPDATE waves w
       SET state = CASE w.state WHEN 'paused' THEN 'paused' ELSE 'running' END::wave_state,
           run_no = w.run_no + ok.ended::int, completed_at = NULL, version = w.version + 1,
           updated_at = now(), note = CASE WHEN w.state = 'paused' THEN w.note END
      FROM ok WHERE w.wave_no = ok.wave_no
    RETURNING w.*),
l AS (
    INSERT INTO wave_logs (wave_no, line)
    SELECT wave_no, format('%s restarted by %s', project, $3::text) FROM ok)
SELECT w.wave_no, w.version, w.state, w.batch_size, w.priority, w.queue,
       CASE WHEN u.was <> 'pending' THEN u.id END AS id, u.state AS row_state,
       json_build_object('ref', 'm' || u.id, 'status', 'pending', 'state', u.state,
                         'attempts', u.attempt, 'wave_id', w.wave_id,
                         'wave_status', CASE w.state WHEN 'ready' THEN 'pending' WHEN 'running' THEN 'in_progress'
                                             ELSE w.state::text END,
                         'message', CASE WHEN w.state = 'paused'
                                         THEN 'it starts when its wave is resumed'
                                         ELSE 'it will be started again' END)::text AS data
  FROM w CROSS JOIN u
