-- Stops a wave, which act_lock_wave has locked: what has not started, waits or is parked is cancelled, what
-- runs is asked to end (its worker settles it as cancelled), also where it was to be pending again; the wave ends
-- when nothing runs any more. Of one that is being stopped already it cancels what is pending all the same.
-- Answers a row for each slot that is freed, and one cancelled row at least, so that the end is looked for.
-- $1 wave_id   $2 shard   $3 who
WITH w AS MATERIALIZED (
    SELECT *, wave_step('stop', state) AS becomes FROM waves WHERE wave_id = $1::text),
c AS (
    UPDATE migrations m
       SET state = 'cancelled', finished_at = now(), updated_at = now(), class = NULL,
           error = concat('the wave was stopped by ', $3::text,
                          CASE WHEN p.state = 'parked' THEN '; the other side may go on' END)
      FROM (SELECT m2.id, m2.state FROM migrations m2, w
             WHERE m2.wave_no + 0 = w.wave_no AND m2.id BETWEEN w.first_id AND w.last_id
               AND w.completed_at IS NULL
               AND m2.state IN ('blocked', 'pending', 'parked', 'retrying')) p
     WHERE m.id = p.id
    RETURNING m.id, m.attempt, m.worker_id, m.started_at, m.error, p.state AS was),
gone AS (DELETE FROM active a USING c WHERE a.migration_id = c.id),
ended AS (
    INSERT INTO attempts_kept (migration_id, attempt, worker_id, started_at, outcome, error)
    SELECT id, attempt, worker_id, started_at, 'cancelled', error FROM c WHERE was = 'parked'
        ON CONFLICT (migration_id, attempt) DO NOTHING),
asked AS (
    INSERT INTO active AS a (migration_id, wave_no, state, worker_id, attempt, cancel, cancel_note)
    SELECT migration_id, wave_no, state, worker_id, attempt, 'cancel', concat('the wave was stopped by ', $3::text)
      FROM under_way u
     WHERE u.wave_no = (SELECT wave_no FROM w) AND u.state = 'running' AND coalesce(u.cancel, 'reset') = 'reset'
     ORDER BY u.migration_id -- as claim_note, which may add the same rows at this moment
        ON CONFLICT (migration_id) DO UPDATE SET cancel = excluded.cancel, cancel_note = excluded.cancel_note
    RETURNING a.worker_id),
counts AS MATERIALIZED (
    SELECT count(*) AS cancelled, count(*) FILTER (WHERE was = 'parked') AS parked,
           count(*) FILTER (WHERE was = 'blocked') AS blocked, min(id) AS one FROM c),
counted AS (
    INSERT INTO wave_progress AS p (wave_no, shard, cancelled, released, blocked)
    SELECT w.wave_no, $2::smallint, n.cancelled, n.parked, -n.blocked FROM w, counts n WHERE n.cancelled > 0
        ON CONFLICT (wave_no, shard) DO UPDATE
       SET cancelled = p.cancelled + excluded.cancelled, released = p.released + excluded.released,
           blocked = p.blocked + excluded.blocked),
v AS (
    UPDATE waves t
       SET state = w.becomes, version = t.version + (w.state <> w.becomes)::int, planned = false,
           updated_at = now(), note = CASE WHEN w.state <> w.becomes THEN concat('stopped by ', $3::text) ELSE t.note END,
           completed_at = CASE WHEN w.total = 0 THEN now() ELSE t.completed_at END
      FROM w WHERE t.wave_no = w.wave_no
    RETURNING t.*, w.state AS was),
l AS (
    INSERT INTO wave_logs (wave_no, line)
    SELECT v.wave_no, format('stopped by %s: %s cancelled, %s asked to end', $3::text, n.cancelled,
                             (SELECT count(*) FROM asked))
      FROM v, counts n WHERE v.was <> v.state)
SELECT v.wave_no, v.version, v.state, v.batch_size, v.priority, v.queue, s.id,
       CASE WHEN s.id IS NOT NULL THEN 'cancelled' END AS row_state,
       json_build_object('status', 'stopped', 'state', v.state, 'changed', v.was <> v.state,
                         'cancelled', n.cancelled, 'ending', (SELECT count(*) FROM asked),
                         'workers', (SELECT coalesce(json_agg(DISTINCT worker_id), '[]') FROM asked))::text AS data
  FROM v CROSS JOIN counts n
  LEFT JOIN (SELECT id FROM c WHERE was = 'parked' UNION SELECT one FROM counts WHERE one IS NOT NULL) s ON true
