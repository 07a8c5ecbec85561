-- Takes every migration that is not running or parked back to pending, and the wave, which
-- act_lock_wave has locked, to ready: nothing starts before a restart or a resume.
-- $1 wave_id   $2 shard   $3 who
WITH w AS MATERIALIZED (
    SELECT *, wave_step('reset', state) AS becomes FROM waves WHERE wave_id = $1::text),
pick AS MATERIALIZED (
    SELECT m.id, m.state, m.attempt, m.worker_id, m.started_at, m.finished_at
      FROM migrations m
     WHERE m.id >= (SELECT first_id FROM w) AND m.id <= (SELECT last_id FROM w)
       AND m.wave_no + 0 = (SELECT wave_no FROM w)
       AND m.state IN ('completed', 'failed', 'cancelled', 'retrying')),
r AS (
    UPDATE migrations t
       SET state = CASE WHEN w.has_dependencies AND EXISTS (SELECT FROM dependencies d WHERE d.migration_id = t.id)
                        THEN 'blocked' ELSE 'pending' END::migration_state, spent = 0, crashes = 0, memo = NULL, worker_id = NULL, started_at = NULL,
           finished_at = NULL, updated_at = now(), class = NULL, error = NULL
      FROM pick, w
     WHERE t.id = pick.id
    RETURNING t.id, t.state, pick.state AS was),
-- the attempt that completed it stays in the history
kept AS (
    INSERT INTO attempts_kept (migration_id, attempt, worker_id, started_at, finished_at, outcome)
    SELECT id, attempt, worker_id, started_at, finished_at, 'completed'
      FROM pick WHERE state = 'completed'
        ON CONFLICT (migration_id, attempt) DO NOTHING),
idle AS (DELETE FROM active a USING r WHERE a.migration_id = r.id AND r.was = 'retrying'),
risen AS (DELETE FROM dead d USING r WHERE d.migration_id = r.id AND r.was = 'failed'),
counts AS MATERIALIZED (
    SELECT count(*) AS reset, count(*) FILTER (WHERE was = 'completed') AS completed,
           count(*) FILTER (WHERE was = 'failed') AS failed,
           count(*) FILTER (WHERE was = 'cancelled') AS cancelled,
           count(*) FILTER (WHERE state = 'blocked') AS blocked
      FROM r),
counted AS (
    INSERT INTO wave_progress AS p (wave_no, shard, completed, failed, cancelled, blocked)
    SELECT w.wave_no, $2::smallint, -c.completed, -c.failed, -c.cancelled, c.blocked
      FROM w, counts c WHERE c.reset > 0
        ON CONFLICT (wave_no, shard) DO UPDATE
       SET completed = p.completed + excluded.completed, failed = p.failed + excluded.failed,
           cancelled = p.cancelled + excluded.cancelled, blocked = p.blocked + excluded.blocked),
v AS (
    UPDATE waves t
       SET state = w.becomes, planned = false, failures_seen = 0,
           gate_id = CASE WHEN t.canary < t.total THEN t.first_id + t.canary END, version = t.version + 1,
           run_no = t.run_no + (t.completed_at IS NOT NULL)::int, completed_at = NULL,
           updated_at = now(), note = NULL
      FROM w WHERE t.wave_no = w.wave_no
    RETURNING t.*),
l AS (
    INSERT INTO wave_logs (wave_no, line)
    SELECT v.wave_no, format('reset%s: %s back to pending', ' by ' || nullif($3::text, ''), c.reset)
      FROM v, counts c)
SELECT v.wave_no, v.version, v.state, v.batch_size, v.priority, v.queue, NULL::bigint AS id,
       NULL::text AS row_state,
       json_build_object('message', format('%s migrations are pending again', c.reset),
                         'wave_status', 'pending', 'reset', c.reset)::text AS data,
       CASE WHEN c.reset > 0 THEN now()::text END AS since,
       CASE WHEN c.reset > 0 THEN 0 END AS refill_after
  FROM v, counts c
