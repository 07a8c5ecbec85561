-- Restarts migrations of a wave that act_lock_wave has locked: the named ones, or all that failed or
-- were cancelled. Their attempt numbers, targets and history stay. An ended, stopped or ready wave runs
-- again if there is anything to do; a paused one stays paused.
-- $1 wave_id   $2 text[] projects (null: all that can be)   $3 params to be merged where the kind is
-- remote (JSON or null)   $4 shard   $5 who
WITH w AS MATERIALIZED (
    SELECT * FROM waves WHERE wave_id = $1::text),
sums AS MATERIALIZED (
    SELECT coalesce(sum(completed), 0) AS completed, coalesce(sum(failed), 0) AS failed,
           coalesce(sum(cancelled), 0) AS cancelled
      FROM wave_progress WHERE wave_no = (SELECT wave_no FROM w)),
named AS MATERIALIZED (
    SELECT project, min(n) AS n FROM unnest($2::text[]) WITH ORDINALITY u (project, n) GROUP BY project),
pick AS MATERIALIZED (
    SELECT m.id, m.project, m.state
      FROM named n JOIN migrations m ON m.wave_no = (SELECT wave_no FROM w) AND m.project = n.project
    UNION ALL
    SELECT m.id, m.project, m.state
      FROM migrations m
     WHERE $2::text[] IS NULL AND (SELECT failed + cancelled FROM sums) > 0
       AND m.id >= (SELECT first_id FROM w) AND m.id <= (SELECT last_id FROM w)
       AND m.wave_no + 0 = (SELECT wave_no FROM w) AND m.state IN ('failed', 'cancelled')),
r AS (
    UPDATE migrations t
       SET state = 'pending', spent = 0, crashes = 0, memo = NULL, worker_id = NULL, started_at = NULL,
           finished_at = NULL, updated_at = now(), class = NULL, error = NULL,
           params = CASE WHEN $3::jsonb IS NULL OR (SELECT kind FROM w) <> 'remote' THEN t.params
                         ELSE coalesce(t.params, '{}') || $3::jsonb END
      FROM pick
     WHERE t.id = pick.id AND pick.state IN ('failed', 'cancelled', 'completed', 'retrying')
    RETURNING t.id, t.project, pick.state AS was),
idle AS (DELETE FROM active a USING r WHERE a.migration_id = r.id AND r.was = 'retrying'),
risen AS (DELETE FROM dead d USING r WHERE d.migration_id = r.id AND r.was = 'failed'),
counts AS MATERIALIZED (
    SELECT count(*) AS restarted, count(*) FILTER (WHERE was = 'completed') AS completed,
           count(*) FILTER (WHERE was = 'failed') AS failed,
           count(*) FILTER (WHERE was = 'cancelled') AS cancelled
      FROM r),
counted AS (
    INSERT INTO wave_progress AS p (wave_no, shard, completed, failed, cancelled)
    SELECT w.wave_no, $4::smallint, -c.completed, -c.failed, -c.cancelled
      FROM w, counts c WHERE c.restarted > 0
        ON CONFLICT (wave_no, shard) DO UPDATE
       SET completed = p.completed + excluded.completed, failed = p.failed + excluded.failed,
           cancelled = p.cancelled + excluded.cancelled),
v AS (
    UPDATE waves t
       SET state = CASE WHEN t.state = 'paused' THEN 'paused' ELSE 'running' END::wave_state,
           version = t.version + 1, run_no = t.run_no + (t.completed_at IS NOT NULL)::int,
           completed_at = NULL, updated_at = now(),
           note = CASE WHEN t.state = 'paused' THEN t.note END
      FROM counts c
     WHERE t.wave_id = $1::text AND (c.restarted > 0 OR t.state = 'ready')
    RETURNING t.*),
l AS (
    INSERT INTO wave_logs (wave_no, line)
    SELECT v.wave_no, format('%s restarted%s', c.restarted, ' by ' || nullif($5::text, ''))
      FROM v, counts c),
-- after a reset the rows that are pending start with the restart
started AS MATERIALIZED (
    SELECT CASE WHEN $2::text[] IS NULL AND w.state = 'ready'
                THEN w.total - s.completed - s.failed - s.cancelled
                     - (SELECT count(*) FROM active a WHERE a.wave_no = w.wave_no)
                ELSE 0 END AS pending
      FROM w, sums s),
refused AS MATERIALIZED (
    SELECT n.n, n.project,
           CASE WHEN p.id IS NULL THEN 'there is no such migration in this wave'
                ELSE 'it is ' || p.state END AS why
      FROM named n LEFT JOIN pick p USING (project)
     WHERE p.id IS NULL OR p.state IN ('running', 'parked', 'blocked')),
told AS MATERIALIZED (
    SELECT CASE WHEN $2::text[] IS NULL THEN c.restarted + s.pending
                ELSE (SELECT count(*) FROM named) END AS total,
           (SELECT count(*) FROM refused) AS failed
      FROM counts c, started s),
details AS (
    (SELECT 0 AS part, n AS nth, json_build_object('mb_uuid', project, 'success', false, 'error', why) AS d
       FROM refused ORDER BY n LIMIT 1000)
    UNION ALL
    (SELECT 1, id, json_build_object('mb_uuid', project, 'success', true, 'status', 'pending')
       FROM r ORDER BY id LIMIT 1000)
    ORDER BY 1, 2 LIMIT 1000)
SELECT w.wave_no, coalesce(v.version, w.version) AS version, coalesce(v.state, w.state) AS state,
       w.batch_size, w.priority, w.queue, NULL::bigint AS id, NULL::text AS row_state,
       json_build_object('total', t.total, 'processed', t.total, 'success', t.total - t.failed,
                         'failed', t.failed,
                         'details', coalesce((SELECT json_agg(d ORDER BY part, nth) FROM details), '[]')
                        )::text AS data,
       CASE WHEN c.restarted > 0 THEN now()::text END AS since
  FROM w CROSS JOIN counts c CROSS JOIN told t LEFT JOIN v ON true
