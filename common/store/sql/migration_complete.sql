-- A person says that a migration is completed. That is an attempt of its own in the history, unless it
-- ends the one that runs outside. A ready wave with nothing left to do goes on to its end. wave_lock
-- has locked the wave. Answers as an act (engine.h).
-- $1 migration id   $2 shard   $3 who   $4 brizy_project_domain, or null
WITH t AS MATERIALIZED (
    SELECT m.id, m.wave_no, m.project, m.attempt, m.started_at, m.finished_at, m.worker_id, m.state AS was,
           w.wave_id, w.state AS wave_was, w.completed_at IS NOT NULL AS ended, w.has_dependencies,
           s.failed - (m.state = 'failed')::int AS failed_left,
           w.total - s.over - (m.state NOT IN ('completed', 'failed', 'cancelled'))::int AS open_left
      FROM migrations m
      JOIN waves w USING (wave_no)
     CROSS JOIN LATERAL (SELECT coalesce(sum(p.failed), 0) AS failed,
                                coalesce(sum(p.completed + p.failed + p.cancelled), 0) AS over
                           FROM wave_progress p WHERE p.wave_no = m.wave_no) s
     WHERE m.id = $1::bigint),
ok AS MATERIALIZED (
    SELECT *, attempt + (was <> 'parked')::int AS now_attempt FROM t
     WHERE CASE
           WHEN was = 'running' OR wave_was = 'planning'
           THEN refuse('WF409', format('migration m%s is %s and cannot be set to completed', id, was))
           ELSE true END),
u AS (
    UPDATE migrations m
       SET state = 'completed', attempt = ok.now_attempt, finished_at = now(), updated_at = now(),
           class = NULL, error = NULL,
           result = CASE WHEN $4::text IS NULL THEN coalesce(m.result, '{}'::jsonb)
                         WHEN jsonb_typeof(m.result) = 'object'
                         THEN m.result || jsonb_build_object('brizy_project_domain', $4::text)
                         ELSE jsonb_build_object('brizy_project_domain', $4::text) END
      FROM ok WHERE m.id = ok.id
    RETURNING m.id, m.state, m.result),
-- the attempt that completed it stays in the history
kept AS (
    INSERT INTO attempts_kept (migration_id, attempt, worker_id, started_at, finished_at, outcome)
    SELECT id, attempt, worker_id, started_at, finished_at, 'completed'
      FROM ok WHERE was = 'completed'
        ON CONFLICT (migration_id, attempt) DO NOTHING),
gone AS (DELETE FROM active a USING ok WHERE a.migration_id = ok.id),
risen AS (DELETE FROM dead d USING ok WHERE d.migration_id = ok.id),
told AS (
    INSERT INTO attempts_kept (migration_id, attempt, worker_id, started_at, outcome, error)
    SELECT id, now_attempt, CASE was WHEN 'parked' THEN worker_id END,
           CASE was WHEN 'parked' THEN started_at END, 'completed',
           format('set to completed by %s', $3::text)
      FROM ok
        ON CONFLICT (migration_id, attempt) DO UPDATE
       SET outcome = excluded.outcome, class = NULL, error = excluded.error),
awaited AS (
    INSERT INTO unresolved (migration_id, wave_no)
    SELECT id, wave_no FROM ok
     WHERE has_dependencies AND EXISTS (SELECT FROM dependencies d WHERE d.on_id = ok.id)
        ON CONFLICT DO NOTHING),
counted AS (
    INSERT INTO wave_progress AS p (wave_no, shard, released, completed, failed, cancelled, blocked)
    SELECT wave_no, $2::smallint, (was = 'parked')::int, (was <> 'completed')::int,
           -(was = 'failed')::int, -(was = 'cancelled')::int, -(was = 'blocked')::int
      FROM ok
        ON CONFLICT (wave_no, shard) DO UPDATE
       SET released = p.released + excluded.released, completed = p.completed + excluded.completed,
           failed = p.failed + excluded.failed, cancelled = p.cancelled + excluded.cancelled,
           blocked = p.blocked + excluded.blocked),
w AS (
    UPDATE waves w
       SET state = CASE WHEN ok.ended AND w.state = 'error' AND ok.failed_left = 0
                        THEN 'completed'::wave_state
                        WHEN w.state = 'ready' AND ok.open_left = 0
                        THEN 'running'::wave_state ELSE w.state END,
           planned = w.planned AND ok.open_left > 0, version = w.version + 1, updated_at = now(),
           failures_seen = greatest(0, w.failures_seen - (ok.was = 'failed')::int)
      FROM ok WHERE w.wave_no = ok.wave_no
    RETURNING w.*),
l AS (
    INSERT INTO wave_logs (wave_no, line)
    SELECT wave_no, format('%s set to completed by %s', project, $3::text) FROM ok)
SELECT w.wave_no, w.version, w.state, w.batch_size, w.priority, w.queue, u.id, u.state AS row_state,
       json_build_object('ref', 'm' || u.id, 'status', 'completed', 'state', u.state,
                         'wave_id', w.wave_id,
                         'wave_status', CASE w.state WHEN 'ready' THEN 'pending' WHEN 'running' THEN 'in_progress'
                                             ELSE w.state::text END,
                         'brizy_project_domain', u.result ->> 'brizy_project_domain',
                         'message', 'it is completed')::text AS data
  FROM w CROSS JOIN u
