-- Ends one migration as failed. What a worker runs is only asked to end, and fails when it has; what
-- runs outside, or waits, fails at once. A ready wave with nothing left to do goes on to its end.
-- wave_lock has locked the wave. Answers as an act (engine.h).
-- $1 migration id   $2 shard   $3 who   $4 true: also what has not been started yet
WITH t AS MATERIALIZED (
    SELECT m.id, m.wave_no, m.project, m.attempt, m.started_at, m.worker_id, m.state AS was,
           m.state = 'running' AND EXISTS (SELECT FROM workers k
                                            WHERE k.worker_id = m.worker_id AND k.alive) AS live,
           w.total - 1 <= (SELECT coalesce(sum(p.completed + p.failed + p.cancelled), 0)
                             FROM wave_progress p WHERE p.wave_no = m.wave_no) AS last
      FROM migrations m JOIN waves w USING (wave_no)
     WHERE m.id = $1::bigint),
ok AS MATERIALIZED (
    SELECT *, format('ended by %s', $3::text)
              || CASE was WHEN 'parked' THEN '; the migration server may go on with it' ELSE '' END
              AS note
      FROM t
     WHERE CASE
           WHEN was IN ('completed', 'failed', 'cancelled')
           THEN refuse('WF409', format('migration m%s is %s: nothing of it runs', id, was))
           WHEN was IN ('blocked', 'pending') AND NOT $4::boolean
           THEN refuse('WF409', format('migration m%s is %s: nothing of it runs (with "force": true '
                                       'it is set to failed)', id, was))
           ELSE true END),
asked AS (
    UPDATE active a SET cancel = 'fail', cancel_note = ok.note
      FROM ok WHERE a.migration_id = ok.id AND ok.live),
u AS (
    UPDATE migrations m
       SET state = 'failed', finished_at = now(), updated_at = now(), class = NULL, error = ok.note
      FROM ok WHERE m.id = ok.id AND NOT ok.live
    RETURNING m.id, m.state, ok.wave_no, ok.was, ok.attempt, ok.worker_id, ok.started_at, ok.note),
gone AS (DELETE FROM active a USING u WHERE a.migration_id = u.id),
ended AS (
    INSERT INTO attempts (migration_id, attempt, worker_id, started_at, outcome, error)
    SELECT id, attempt, worker_id, started_at, 'failed', note FROM u WHERE was IN ('running', 'parked')
        ON CONFLICT (migration_id, attempt) DO NOTHING),
buried AS (
    INSERT INTO dead (migration_id, wave_no) SELECT id, wave_no FROM u
        ON CONFLICT (migration_id) DO UPDATE SET class = NULL, at = excluded.at),
counted AS (
    INSERT INTO wave_progress AS p (wave_no, shard, released, failed)
    SELECT wave_no, $2::smallint, (was IN ('running', 'parked'))::int, 1 FROM u
        ON CONFLICT (wave_no, shard) DO UPDATE
       SET released = p.released + excluded.released, failed = p.failed + excluded.failed),
w AS (
    UPDATE waves w
       SET state = CASE WHEN w.state = 'ready' AND ok.last THEN 'running'::wave_state ELSE w.state END,
           version = w.version + 1, updated_at = now()
      FROM ok WHERE w.wave_no = ok.wave_no
    RETURNING w.*),
l AS (
    INSERT INTO wave_logs (wave_no, line)
    SELECT wave_no, format('%s %s', project, note) FROM ok)
SELECT w.wave_no, w.version, w.state, w.batch_size, w.priority, w.queue, ok.id,
       coalesce(u.state, ok.was) AS row_state,
       json_build_object('ref', 'm' || ok.id,
                         'status', CASE WHEN ok.live THEN 'in_progress' ELSE 'error' END,
                         'state', coalesce(u.state, ok.was),
                         'worker_id', CASE WHEN ok.live THEN ok.worker_id END,
                         'message', CASE WHEN ok.live THEN 'it is being ended'
                                         WHEN ok.was = 'parked' THEN
                                             'it has failed; the migration server may go on with it'
                                         ELSE 'it has failed' END)::text AS data
  FROM w CROSS JOIN ok LEFT JOIN u ON true
