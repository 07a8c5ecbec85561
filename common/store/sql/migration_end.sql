-- Ends one migration as failed (a kill) or as cancelled. What a worker runs is only asked to end, and is
-- settled when it has; what runs outside, or waits, ends at once. What was asked or done already changes
-- nothing. A ready wave with nothing left to do goes on to its end. act_lock_wave has locked the wave.
-- Answers as an act (engine.h).
-- $1 wave_id   $2 project   $3 shard   $4 who   $5 failed or cancelled
-- $6 true: also what has not been started yet
WITH w AS MATERIALIZED (
    SELECT * FROM waves WHERE wave_id = $1::text),
t AS MATERIALIZED (
    SELECT m.id, m.project, m.attempt, m.started_at, m.worker_id, m.state AS was,
           w.wave_no, w.has_dependencies, a.cancel,
           CASE $5::text WHEN 'failed' THEN 'fail' ELSE 'cancel' END AS wish,
           CASE WHEN m.state = 'parked' OR (m.state = 'running' AND w.kind = 'remote')
                THEN '; the migration server may go on with it' END AS beyond,
           m.state = 'running' AND EXISTS (SELECT FROM workers k
                                            WHERE k.worker_id = m.worker_id AND k.alive) AS live,
           w.total - 1 <= (SELECT coalesce(sum(p.completed + p.failed + p.cancelled), 0)
                             FROM wave_progress p WHERE p.wave_no = w.wave_no) AS last
      FROM w
      LEFT JOIN migrations m ON m.wave_no = w.wave_no AND m.project = $2::text
      LEFT JOIN active a ON a.migration_id = m.id),
ok AS MATERIALIZED (
    SELECT *,
           CASE WHEN live THEN cancel IS DISTINCT FROM wish
                ELSE was <> 'cancelled' END AS changes,
           concat(CASE wish WHEN 'fail' THEN 'ended' ELSE 'cancelled' END, ' by ', $4::text, beyond) AS note
      FROM t
     WHERE CASE
           WHEN id IS NULL
           THEN refuse('WF404', format('there is no migration "%s" in wave "%s"', $2::text, $1::text))
           WHEN was IN ('completed', 'failed') OR (was = 'cancelled' AND wish = 'fail')
           THEN refuse('WF409', format('migration m%s is %s: nothing of it runs', id, was))
           WHEN was IN ('blocked', 'pending') AND NOT $6::boolean
           THEN refuse('WF409', format('migration m%s is %s: nothing of it runs (with "force": true '
                                       'it is set to failed)', id, was))
           ELSE true END),
asked AS (
    INSERT INTO active (migration_id, wave_no, state, worker_id, attempt, cancel, cancel_note)
    SELECT id, wave_no, was, worker_id, attempt, wish, note FROM ok WHERE live AND changes
        ON CONFLICT (migration_id) DO UPDATE SET cancel = excluded.cancel, cancel_note = excluded.cancel_note),
u AS (
    UPDATE migrations m
       SET state = $5::migration_state, finished_at = now(), updated_at = now(), class = NULL,
           error = ok.note
      FROM ok WHERE m.id = ok.id AND NOT ok.live AND ok.changes
    RETURNING m.id, m.state, ok.wave_no, ok.was, ok.attempt, ok.worker_id, ok.started_at, ok.note,
              ok.has_dependencies),
gone AS (DELETE FROM active a USING u WHERE a.migration_id = u.id),
ended AS (
    INSERT INTO attempts_kept (migration_id, attempt, worker_id, started_at, outcome, error)
    SELECT id, attempt, worker_id, started_at, state::text, note FROM u WHERE was IN ('running', 'parked')
        ON CONFLICT (migration_id, attempt) DO NOTHING),
buried AS (
    INSERT INTO dead (migration_id, wave_no) SELECT id, wave_no FROM u WHERE state = 'failed'
        ON CONFLICT (migration_id) DO UPDATE SET class = NULL, at = excluded.at),
awaited AS (
    INSERT INTO unresolved (migration_id, wave_no)
    SELECT id, wave_no FROM u
     WHERE has_dependencies AND EXISTS (SELECT FROM dependencies d WHERE d.on_id = u.id)
        ON CONFLICT DO NOTHING),
counted AS (
    INSERT INTO wave_progress AS p (wave_no, shard, released, failed, cancelled, blocked)
    SELECT wave_no, $3::smallint, (was IN ('running', 'parked'))::int, (state = 'failed')::int,
           (state = 'cancelled')::int, -(was = 'blocked')::int
      FROM u
        ON CONFLICT (wave_no, shard) DO UPDATE
       SET released = p.released + excluded.released, failed = p.failed + excluded.failed,
           cancelled = p.cancelled + excluded.cancelled, blocked = p.blocked + excluded.blocked),
v AS (
    UPDATE waves s
       SET state = CASE WHEN s.state = 'ready' AND ok.last THEN 'running'::wave_state ELSE s.state END,
           planned = s.planned AND NOT ok.last, version = s.version + 1, updated_at = now()
      FROM ok WHERE s.wave_no = ok.wave_no AND ok.changes
    RETURNING s.*),
l AS (
    INSERT INTO wave_logs (wave_no, line)
    SELECT wave_no, format('%s %s', project, note) FROM ok WHERE changes)
SELECT w.wave_no, coalesce(v.version, w.version) AS version, coalesce(v.state, w.state) AS state,
       w.batch_size, w.priority, w.queue, u.id, u.state AS row_state,
       json_build_object('ref', 'm' || ok.id,
                         'status', CASE WHEN ok.live THEN 'in_progress'
                                        WHEN ok.wish = 'fail' THEN 'error' ELSE 'cancelled' END,
                         'state', coalesce(u.state, ok.was),
                         'changed', ok.changes,
                         'worker_id', CASE WHEN ok.live THEN ok.worker_id END,
                         'message', concat(
                             CASE WHEN ok.live THEN 'it is being ended'
                                  WHEN ok.wish = 'fail' THEN 'it has failed'
                                  WHEN ok.changes THEN 'it is cancelled'
                                  ELSE 'it is cancelled already' END, ok.beyond))::text AS data
  FROM w CROSS JOIN ok LEFT JOIN u ON true LEFT JOIN v ON true
