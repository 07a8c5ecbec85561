-- Gives up the attempt that holds a migration: what a worker runs is asked to end, what runs outside
-- goes back to pending at once (it is asked about before it is started again). wave_lock has locked
-- the wave. Answers as an act (engine.h).
-- $1 migration id   $2 shard   $3 who
WITH ok AS MATERIALIZED (
    SELECT m.id, m.wave_no, m.project, m.attempt, m.started_at, m.worker_id, m.state AS was,
           m.state IN ('running', 'parked') AS held,
           m.state = 'running' AND EXISTS (SELECT FROM workers k
                                            WHERE k.worker_id = m.worker_id AND k.alive) AS live,
           CASE w.state WHEN 'stopped' THEN 'cancelled' ELSE 'pending' END::migration_state AS next,
           format('given up by %s', $3::text) AS note
      FROM migrations m JOIN waves w USING (wave_no)
     WHERE m.id = $1::bigint),
asked AS (
    UPDATE active a SET cancel = 'reset', cancel_note = ok.note
      FROM ok WHERE a.migration_id = ok.id AND ok.live),
u AS (
    UPDATE migrations m
       SET state = ok.next, worker_id = NULL, updated_at = now(),
           finished_at = CASE ok.next WHEN 'cancelled' THEN now() END,
           error = CASE ok.next WHEN 'cancelled' THEN ok.note END
      FROM ok WHERE m.id = ok.id AND ok.held AND NOT ok.live
    RETURNING m.id, m.state, ok.wave_no, ok.attempt, ok.worker_id, ok.started_at, ok.note),
gone AS (DELETE FROM active a USING u WHERE a.migration_id = u.id),
unlocked AS (DELETE FROM locks k USING u WHERE k.migration_id = u.id),
ended AS (
    INSERT INTO attempts (migration_id, attempt, worker_id, started_at, outcome, error)
    SELECT id, attempt, worker_id, started_at,
           CASE state WHEN 'cancelled' THEN 'cancelled' ELSE 'handed_back' END, note FROM u
        ON CONFLICT (migration_id, attempt) DO NOTHING),
counted AS (
    INSERT INTO wave_progress AS p (wave_no, shard, released, cancelled)
    SELECT wave_no, $2::smallint, 1, (state = 'cancelled')::int FROM u
        ON CONFLICT (wave_no, shard) DO UPDATE
       SET released = p.released + excluded.released, cancelled = p.cancelled + excluded.cancelled),
w AS (
    UPDATE waves w SET version = w.version + ok.held::int
      FROM ok WHERE w.wave_no = ok.wave_no
    RETURNING w.*),
l AS (
    INSERT INTO wave_logs (wave_no, line)
    SELECT wave_no, format('%s: attempt %s %s', project, attempt, note) FROM ok WHERE held)
SELECT w.wave_no, w.version, w.state, w.batch_size, w.priority, w.queue, u.id, u.state AS row_state,
       json_build_object('ref', 'm' || ok.id, 'removed', ok.held, 'state', coalesce(u.state, ok.was),
                         'worker_id', CASE WHEN ok.live THEN ok.worker_id END,
                         'message', CASE WHEN ok.live THEN 'the attempt is being given up'
                                         WHEN ok.held THEN 'the attempt was given up'
                                         ELSE 'there is no lock: nothing of it runs' END)::text AS data
  FROM w CROSS JOIN ok LEFT JOIN u ON true
