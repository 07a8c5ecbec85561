-- Puts one migration back to pending (blocked, where it waits for others) with a fresh budget; what its body
-- noted is forgotten. An ended wave becomes ready: nothing starts before a restart or resume. Hard: what
-- runs is given up, too. wave_lock has locked the wave. Answers as an act (engine.h).
-- $1 migration id   $2 shard   $3 who   $4 hard
WITH t AS MATERIALIZED (
    SELECT m.id, m.wave_no, m.project, m.attempt, m.started_at, m.finished_at, m.worker_id, m.state AS was,
           CASE WHEN w.has_dependencies THEN first_state(m.id) ELSE 'pending' END AS becomes,
           (SELECT min(o.project) FROM dependencies d JOIN migrations o ON o.id = d.on_id
             WHERE w.has_dependencies AND d.migration_id = m.id
               AND o.state IN ('failed', 'cancelled')) AS cause,
           m.memo IS NOT NULL AS noted, w.wave_id, w.state AS wave_was,
           w.completed_at IS NOT NULL AS ended,
           m.state = 'running' AND EXISTS (SELECT FROM workers k
                                            WHERE k.worker_id = m.worker_id AND k.alive) AS live
      FROM migrations m JOIN waves w USING (wave_no)
     WHERE m.id = $1::bigint),
ok AS MATERIALIZED (
    SELECT *, format('given up by %s', $3::text) AS note FROM t
     WHERE CASE
           WHEN was = 'blocked' OR (was IN ('running', 'parked') AND NOT $4::boolean)
           THEN refuse('WF409', format('migration m%s is %s and cannot be reset', id, was))
           WHEN wave_was = 'planning' OR (wave_was = 'stopped' AND NOT ended)
           THEN refuse('WF409', format('migration m%s cannot be reset while its wave %s is %s',
                                       id, wave_id, CASE wave_was WHEN 'stopped' THEN 'being stopped'
                                                                  ELSE wave_was::text END))
           WHEN cause IS NOT NULL
           THEN refuse('WF409', format('migration m%s cannot be reset: it depends on "%s", which failed or was '
                                       'cancelled', id, cause))
           ELSE true END),
asked AS (
    INSERT INTO active (migration_id, wave_no, state, worker_id, attempt, cancel, cancel_note)
    SELECT id, wave_no, was, worker_id, attempt, 'reset', note FROM ok WHERE live
        ON CONFLICT (migration_id) DO UPDATE SET cancel = excluded.cancel, cancel_note = excluded.cancel_note),
u AS (
    UPDATE migrations m
       SET state = CASE WHEN ok.live THEN m.state ELSE ok.becomes END, spent = 0, crashes = 0,
           worker_id = CASE WHEN ok.live THEN m.worker_id END, updated_at = now(),
           first_started_at = CASE WHEN ok.live THEN m.first_started_at END,
           started_at = CASE WHEN ok.live THEN m.started_at END,
           finished_at = NULL, class = NULL, error = NULL, memo = NULL
      FROM ok WHERE m.id = ok.id
    RETURNING m.id, m.state),
-- the attempt that completed it stays in the history
kept AS (
    INSERT INTO attempts_kept (migration_id, attempt, worker_id, started_at, finished_at, outcome)
    SELECT id, attempt, worker_id, started_at, finished_at, 'completed'
      FROM ok WHERE was = 'completed'
        ON CONFLICT (migration_id, attempt) DO NOTHING),
gone AS (DELETE FROM active a USING ok WHERE a.migration_id = ok.id AND NOT ok.live),
risen AS (DELETE FROM dead d USING ok WHERE d.migration_id = ok.id),
unlocked AS (
    DELETE FROM locks k USING ok WHERE k.migration_id = ok.id AND $4::boolean AND NOT ok.live
    RETURNING k.name),
ended AS (
    INSERT INTO attempts_kept (migration_id, attempt, worker_id, started_at, outcome, error)
    SELECT id, attempt, worker_id, started_at, 'handed_back', note
      FROM ok WHERE was IN ('running', 'parked') AND NOT live
        ON CONFLICT (migration_id, attempt) DO NOTHING),
counted AS (
    INSERT INTO wave_progress AS p (wave_no, shard, released, completed, failed, cancelled, blocked)
    SELECT wave_no, $2::smallint, (was IN ('running', 'parked') AND NOT live)::int,
           -(was = 'completed')::int, -(was = 'failed')::int, -(was = 'cancelled')::int,
           (becomes = 'blocked' AND NOT live)::int
      FROM ok
        ON CONFLICT (wave_no, shard) DO UPDATE
       SET released = p.released + excluded.released, completed = p.completed + excluded.completed,
           failed = p.failed + excluded.failed, cancelled = p.cancelled + excluded.cancelled,
           blocked = p.blocked + excluded.blocked),
w AS (
    UPDATE waves w
       SET state = CASE WHEN ok.ended THEN 'ready'::wave_state ELSE w.state END,
           run_no = w.run_no + ok.ended::int, completed_at = NULL, version = w.version + 1,
           updated_at = now(), failures_seen = greatest(0, w.failures_seen - (ok.was = 'failed')::int)
      FROM ok WHERE w.wave_no = ok.wave_no
    RETURNING w.*),
l AS (
    INSERT INTO wave_logs (wave_no, line)
    SELECT wave_no, format('%s %s by %s', project,
                           CASE WHEN $4::boolean THEN 'reset, whatever ran,' ELSE 'reset' END, $3::text)
      FROM ok)
SELECT w.wave_no, w.version, w.state, w.batch_size, w.priority, w.queue,
       CASE WHEN ok.was <> 'pending' THEN u.id END AS id, u.state AS row_state,
       json_build_object(
           'ref', 'm' || u.id,
           'status', CASE WHEN ok.live THEN 'in_progress' ELSE 'pending' END,
           'state', u.state,
           'wave_id', w.wave_id,
           'wave_status', CASE w.state WHEN 'ready' THEN 'pending' WHEN 'running' THEN 'in_progress'
                               ELSE w.state::text END,
           'worker_id', CASE WHEN ok.live THEN ok.worker_id END,
           'message', CASE WHEN ok.live THEN 'it is being ended, and is pending then'
                           WHEN w.state = 'ready' THEN
                               'it is pending; nothing starts before its wave is restarted or resumed'
                           ELSE 'it is pending' END,
           'results', json_build_object(
               'attempt', CASE WHEN ok.live THEN 'is being ended'
                               WHEN ok.was IN ('running', 'parked')
                               THEN 'given up; the migration server may go on with it'
                               ELSE 'none ran' END,
               'notes', CASE WHEN ok.noted THEN 'forgotten' ELSE 'none' END,
               'locks', (SELECT count(*) FROM unlocked),
               'budget', 'fresh'))::text AS data
  FROM w CROSS JOIN u CROSS JOIN ok
