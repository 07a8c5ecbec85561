-- Restarts migrations of a wave that act_lock_wave has locked: the named ones, or of those that failed or
-- were cancelled the ones that fit a filter. Their attempt numbers, targets and history stay. An ended,
-- stopped or ready wave runs again if there is anything to do; a paused one stays paused. What depends on
-- something that is restarted too, or is not completed, is blocked again; what depends on something that
-- failed and is not restarted is refused. Failures are counted anew from here.
-- $1 wave_id   $2 text[] projects (null: by the filter)   $3 params to be merged where the kind is
-- remote (JSON or null)   $4 shard   $5 who
-- the filter, of which null asks for nothing: $6 bigint[] ids   $7 status, error or cancelled   $8 class
-- $9 part of the project's name or of the error   $10 since   $11 until: when it ended
-- $12 true: of what failed only what GET /api/dead lists
-- $13 true: a preview, which needs no lock: the answer as it would be, and nothing changes
WITH w AS MATERIALIZED (
    SELECT *, wave_step('restart', state) AS becomes FROM waves WHERE wave_id = $1::text),
sums AS MATERIALIZED (
    SELECT coalesce(sum(completed), 0) AS completed, coalesce(sum(failed), 0) AS failed,
           coalesce(sum(cancelled), 0) AS cancelled
      FROM wave_progress WHERE wave_no = (SELECT wave_no FROM w)),
narrow AS MATERIALIZED (
    SELECT num_nonnulls($6::bigint[], $7::text, $8::text, $9::text, $10::timestamptz, $11::timestamptz) > 0
           AS filtered),
named AS MATERIALIZED (
    SELECT project, min(n) AS n FROM unnest($2::text[]) WITH ORDINALITY u (project, n) GROUP BY project),
found AS MATERIALIZED (
    SELECT d.migration_id AS id
      FROM dead d
     WHERE $6::bigint[] IS NULL AND d.wave_no = (SELECT wave_no FROM w)
       AND $7::text IS DISTINCT FROM 'cancelled' AND NOT ($12::boolean AND d.discarded_at IS NOT NULL)
    UNION ALL
    SELECT m.id
      FROM (SELECT DISTINCT id FROM unnest($6::bigint[]) id) g JOIN migrations m USING (id)
     WHERE m.wave_no = (SELECT wave_no FROM w)
       AND ((m.state = 'failed' AND $7::text IS DISTINCT FROM 'cancelled')
            OR (m.state = 'cancelled' AND $7::text IS DISTINCT FROM 'error'))
    UNION ALL
    SELECT m.id
      FROM migrations m
     WHERE $6::bigint[] IS NULL AND $7::text IS DISTINCT FROM 'error' AND (SELECT cancelled FROM sums) > 0
       AND m.id >= (SELECT first_id FROM w) AND m.id <= (SELECT last_id FROM w)
       AND m.wave_no + 0 = (SELECT wave_no FROM w) AND m.state = 'cancelled'),
pick AS MATERIALIZED (
    SELECT m.id, m.project, m.state, m.class, m.attempt, m.worker_id, m.started_at, m.finished_at
      FROM named n JOIN migrations m ON m.wave_no = (SELECT wave_no FROM w) AND m.project = n.project
    UNION ALL
    SELECT m.id, m.project, m.state, m.class, m.attempt, m.worker_id, m.started_at, m.finished_at
      FROM found JOIN migrations m USING (id)
     WHERE $2::text[] IS NULL
       AND ended_fits(m.project, m.error, m.class, m.finished_at, $8::text, $9::text, $10::timestamptz,
                      $11::timestamptz)),
held AS MATERIALIZED (
    SELECT p.id, p.project, min(format('it depends on "%s", which is %s', o.project, o.state)) AS why
      FROM pick p
      JOIN dependencies d ON d.migration_id = p.id AND (SELECT has_dependencies FROM w)
      JOIN migrations o ON o.id = d.on_id
     WHERE o.state IN ('failed', 'cancelled') AND o.id NOT IN (SELECT id FROM pick)
     GROUP BY p.id, p.project),
todo AS MATERIALIZED (
    SELECT p.*,
           CASE WHEN (SELECT has_dependencies FROM w)
                     AND (first_state(p.id) = 'blocked'
                          OR EXISTS (SELECT FROM dependencies d JOIN pick o ON o.id = d.on_id
                                      WHERE d.migration_id = p.id))
                THEN 'blocked' ELSE 'pending' END::migration_state AS becomes
      FROM pick p
     WHERE p.state IN ('failed', 'cancelled', 'completed', 'retrying') AND p.id NOT IN (SELECT id FROM held)),
r AS (
    UPDATE migrations t
       SET state = todo.becomes, spent = 0, crashes = 0, memo = NULL, worker_id = NULL, started_at = NULL,
           finished_at = NULL, updated_at = now(), class = NULL, error = NULL,
           params = CASE WHEN $3::jsonb IS NULL OR (SELECT kind FROM w) <> 'remote' THEN t.params
                         ELSE coalesce(t.params, '{}') || $3::jsonb END
      FROM todo
     WHERE t.id = todo.id AND NOT $13::boolean
    RETURNING t.id, todo.state AS was),
-- the attempt that completed it stays in the history
kept AS (
    INSERT INTO attempts_kept (migration_id, attempt, worker_id, started_at, finished_at, outcome)
    SELECT id, attempt, worker_id, started_at, finished_at, 'completed'
      FROM todo WHERE state = 'completed' AND NOT $13::boolean
        ON CONFLICT (migration_id, attempt) DO NOTHING),
idle AS (DELETE FROM active a USING r WHERE a.migration_id = r.id AND r.was = 'retrying'),
risen AS (DELETE FROM dead d USING r WHERE d.migration_id = r.id AND r.was = 'failed'),
counts AS MATERIALIZED (
    SELECT count(*) AS restarted, count(*) FILTER (WHERE state = 'completed') AS completed,
           count(*) FILTER (WHERE state = 'failed') AS failed,
           count(*) FILTER (WHERE state = 'cancelled') AS cancelled,
           count(*) FILTER (WHERE becomes = 'blocked') AS blocked
      FROM todo),
-- a restart behind what is held is cancelled again by the judgement
reminded AS (
    INSERT INTO unresolved (migration_id, wave_no)
    SELECT DISTINCT h.id, w.wave_no
      FROM held h JOIN dependencies d ON d.on_id = h.id JOIN todo t ON t.id = d.migration_id CROSS JOIN w
     WHERE NOT $13::boolean
        ON CONFLICT DO NOTHING),
counted AS (
    INSERT INTO wave_progress AS p (wave_no, shard, completed, failed, cancelled, blocked)
    SELECT w.wave_no, $4::smallint, -c.completed, -c.failed, -c.cancelled, c.blocked
      FROM w, counts c WHERE c.restarted > 0 AND NOT $13::boolean
        ON CONFLICT (wave_no, shard) DO UPDATE
       SET completed = p.completed + excluded.completed, failed = p.failed + excluded.failed,
           cancelled = p.cancelled + excluded.cancelled, blocked = p.blocked + excluded.blocked),
v AS (
    UPDATE waves t
       SET state = w.becomes, planned = false, failures_seen = s.failed - c.failed,
           version = t.version + 1, run_no = t.run_no + (t.completed_at IS NOT NULL)::int,
           completed_at = NULL, updated_at = now(),
           note = CASE WHEN t.state = 'paused' THEN t.note END
      FROM w CROSS JOIN counts c CROSS JOIN narrow n CROSS JOIN sums s
     WHERE t.wave_id = $1::text AND NOT $13::boolean
       AND (c.restarted > 0 OR (t.state = 'ready' AND NOT n.filtered))
    RETURNING t.*),
l AS (
    INSERT INTO wave_logs (wave_no, line)
    SELECT v.wave_no, format('%s restarted%s', c.restarted, ' by ' || nullif($5::text, ''))
      FROM v, counts c),
-- after a reset the rows that are pending start with the restart
started AS MATERIALIZED (
    SELECT CASE WHEN $2::text[] IS NULL AND w.state = 'ready' AND NOT n.filtered
                THEN w.total - s.completed - s.failed - s.cancelled
                     - (SELECT count(*) FROM under_way u WHERE u.wave_no = w.wave_no)
                ELSE 0 END AS pending
      FROM w, sums s, narrow n),
refused AS MATERIALIZED (
    SELECT n.n, n.project,
           CASE WHEN p.id IS NULL THEN 'there is no such migration in this wave'
                ELSE 'it is ' || p.state END AS why
      FROM named n LEFT JOIN pick p USING (project)
     WHERE p.id IS NULL OR p.state IN ('running', 'parked', 'blocked')
    UNION ALL
    SELECT coalesce(n.n, h.id), h.project, h.why FROM held h LEFT JOIN named n USING (project)),
told AS MATERIALIZED (
    SELECT CASE WHEN $2::text[] IS NULL THEN c.restarted + s.pending + (SELECT count(*) FROM held)
                ELSE (SELECT count(*) FROM named) END AS total,
           (SELECT count(*) FROM refused) AS failed
      FROM counts c, started s),
details AS (
    (SELECT 0 AS part, n AS nth, json_build_object('mb_uuid', project, 'success', false, 'error', why) AS d
       FROM refused ORDER BY n LIMIT 1000)
    UNION ALL
    (SELECT 1, id, json_build_object('mb_uuid', project, 'success', true, 'status', 'pending')
       FROM todo ORDER BY id LIMIT 1000)
    ORDER BY 1, 2 LIMIT 1000)
SELECT w.wave_no, coalesce(v.version, w.version) AS version, coalesce(v.state, w.state) AS state,
       w.batch_size, w.priority, w.queue, NULL::bigint AS id, NULL::text AS row_state,
       json_build_object('total', t.total, 'processed', t.total, 'success', t.total - t.failed,
                         'failed', t.failed, 'restarted', c.restarted, 'dry_run', $13::boolean,
                         'by_status', json_build_object('error', c.failed, 'cancelled', c.cancelled,
                                                        'completed', c.completed),
                         'by_class', (SELECT coalesce(json_object_agg(coalesce(class::text, 'none'), n), '{}')
                                        FROM (SELECT class, count(*) AS n FROM todo
                                               WHERE state = 'failed' GROUP BY class) g),
                         'details', coalesce((SELECT json_agg(d ORDER BY part, nth) FROM details), '[]')
                        )::text AS data,
       CASE WHEN v.wave_no IS NOT NULL AND c.restarted > 0 THEN now()::text END AS since,
       CASE WHEN v.wave_no IS NOT NULL AND c.restarted > 0 THEN 0 END AS refill_after
  FROM w CROSS JOIN counts c CROSS JOIN told t LEFT JOIN v ON true
