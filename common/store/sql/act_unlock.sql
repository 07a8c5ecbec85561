-- Gives up the attempt of a migration; act_lock_wave has locked its wave. A running body is asked to
-- end (its worker settles it as reset), a parked one is back to pending at once; where nothing is under
-- way there is nothing to do.
-- $1 wave_id   $2 project   $3 shard   $4 why
WITH w AS MATERIALIZED (
    SELECT * FROM waves WHERE wave_id = $1::text),
m AS MATERIALIZED (
    SELECT m.* FROM w JOIN migrations m USING (wave_no) WHERE m.project = $2::text),
judged AS MATERIALIZED (
    SELECT m.id, m.state, CASE WHEN m.id IS NULL THEN
               refuse('WF404', format('there is no migration "%s" in wave "%s"', $2::text, $1::text))
               ELSE true END AS ok
      FROM w LEFT JOIN m ON true),
asked AS (
    INSERT INTO active AS a (migration_id, wave_no, state, worker_id, attempt, cancel, cancel_note)
    SELECT m.id, m.wave_no, m.state, m.worker_id, m.attempt, 'reset', $4::text
      FROM judged j JOIN m USING (id)
     WHERE j.ok AND j.state = 'running'
        ON CONFLICT (migration_id) DO UPDATE
       SET cancel = coalesce(a.cancel, excluded.cancel), cancel_note = coalesce(a.cancel_note, excluded.cancel_note)
    RETURNING a.migration_id AS id, a.worker_id),
freed AS (
    UPDATE migrations t SET state = 'pending', worker_id = NULL, updated_at = now()
      FROM judged j
     WHERE j.ok AND j.state = 'parked' AND t.id = j.id
    RETURNING t.id, t.wave_no),
gone AS (DELETE FROM active a USING freed WHERE a.migration_id = freed.id),
ended AS (
    INSERT INTO attempts_kept (migration_id, attempt, worker_id, started_at, outcome, error)
    SELECT m.id, m.attempt, m.worker_id, m.started_at, 'handed_back', $4::text FROM m JOIN freed USING (id)
        ON CONFLICT (migration_id, attempt) DO NOTHING),
counted AS (
    INSERT INTO wave_progress AS p (wave_no, shard, released)
    SELECT wave_no, $3::smallint, 1 FROM freed
        ON CONFLICT (wave_no, shard) DO UPDATE SET released = p.released + excluded.released),
l AS (
    INSERT INTO wave_logs (wave_no, line)
    SELECT w.wave_no, format('"%s": %s', $2::text, $4::text) FROM w, judged j
     WHERE j.ok AND j.state IN ('running', 'parked'))
SELECT w.wave_no, w.version, w.state, w.batch_size, w.priority, w.queue, f.id,
       CASE WHEN f.id IS NOT NULL THEN 'pending' END AS row_state,
       json_build_object(
           'removed', a.id IS NOT NULL OR f.id IS NOT NULL,
           'id', a.id, 'worker_id', a.worker_id,
           'message', CASE WHEN a.id IS NOT NULL THEN 'its body is asked to end'
                           WHEN f.id IS NOT NULL THEN 'the attempt is given up'
                           ELSE format('there is nothing to remove: it is %s', j.state) END)::text AS data
  FROM w CROSS JOIN judged j LEFT JOIN asked a ON true LEFT JOIN freed f ON true
