-- Claims ids for a worker, each wave getting at most the room that its window has; claim_lock has
-- locked the waves, and this statement sees what was committed before. It answers for every id.
-- $1 bigint[] ids   $2 worker_id   $3 shard   $4 text[] queues of the worker
-- What waits behind a canary is answered as blocked: it has no business in Redis yet.
-- shut: its queue is paused: nothing of it is claimed, due polls go on
-- A row that was changed in the future is due: the clock was set back since its wait began.
-- twin: the same source and target run for another migration just now; such a row is not claimed.
WITH given AS (
    SELECT DISTINCT id FROM unnest($1::bigint[]) id),
me AS MATERIALIZED (
    SELECT worker_id FROM workers WHERE worker_id = $2::bigint AND alive),
seen AS MATERIALIZED (
    SELECT m.id, m.wave_no, m.state, m.attempt, m.project, m.brz_project_id, m.spent,
           m.params, m.memo, m.first_started_at, m.started_at, a.due_at, a.polls, w.batch_size,
           coalesce(a.due_at <= now() OR m.updated_at > now() + interval '1 minute', true) AS due,
           w.state = 'running' AND w.queue = ANY ($4::text[]) AND NOT coalesce(m.id >= w.gate_id, false)
               AND w.queue <> ALL (ARRAY(SELECT queue FROM queues WHERE paused)) AS open,
           m.state IN ('pending', 'retrying') AND coalesce(m.id >= w.gate_id, false) AS gated,
           w.queue = ANY (ARRAY(SELECT queue FROM queues WHERE paused)) AS shut,
           w.kind = 'remote' AND m.brz_project_id IS NOT NULL AND m.state IN ('pending', 'retrying')
               AND EXISTS (SELECT FROM migrations o
                            WHERE o.brz_project_id = m.brz_project_id AND o.project = m.project
                              AND o.id <> m.id AND o.state IN ('running', 'parked')) AS twin
      FROM given
      JOIN migrations m USING (id)
      JOIN waves w USING (wave_no)
      LEFT JOIN active a ON a.migration_id = m.id AND m.state <> 'pending'),
room AS MATERIALIZED (
    SELECT s.wave_no, s.batch_size - coalesce(sum(p.claimed - p.released), 0) AS room
      FROM (SELECT DISTINCT wave_no, batch_size FROM seen) s
      LEFT JOIN wave_progress p USING (wave_no)
     GROUP BY s.wave_no, s.batch_size),
pick AS (
    SELECT r.id
      FROM (SELECT id, wave_no, row_number() OVER (PARTITION BY wave_no ORDER BY id) AS nth
              FROM seen
             WHERE open AND NOT twin AND (state = 'pending' OR (state = 'retrying' AND due))) r
      JOIN room USING (wave_no)
     WHERE r.nth <= room.room AND EXISTS (SELECT FROM me)),
claimed AS (
    UPDATE migrations m
       SET state = 'running', attempt = m.attempt + 1, worker_id = $2::bigint,
           first_started_at = coalesce(m.first_started_at, now()), started_at = now(),
           finished_at = NULL, updated_at = now(), class = NULL, error = NULL
      FROM pick
     WHERE m.id = pick.id AND m.state IN ('pending', 'retrying')
    RETURNING m.id, m.wave_no, m.attempt),
noted AS (
    INSERT INTO active (migration_id, wave_no, state, worker_id, attempt)
    SELECT id, wave_no, 'running', $2::bigint, attempt FROM claimed
        ON CONFLICT (migration_id) DO UPDATE
       SET state = 'running', worker_id = excluded.worker_id, attempt = excluded.attempt,
           due_at = NULL, polls = 0, progress = NULL),
counted AS (
    INSERT INTO wave_progress AS p (wave_no, shard, claimed)
    SELECT wave_no, $3::smallint, count(*) FROM claimed GROUP BY wave_no ORDER BY wave_no
        ON CONFLICT (wave_no, shard) DO UPDATE SET claimed = p.claimed + excluded.claimed)
SELECT g.id, c.attempt AS claimed, (SELECT count(*) FROM me) AS alive, s.wave_no,
       CASE WHEN s.gated THEN 'blocked' ELSE s.state END AS state, s.attempt,
       s.due, CASE WHEN s.due THEN 0 ELSE ceil(extract(epoch FROM s.due_at - now()) * 1000) END::bigint AS due_in_ms,
       s.open, s.twin, s.project, s.brz_project_id, s.spent, s.params::text, s.memo::text, s.polls,
       (extract(epoch FROM coalesce(CASE WHEN c.id IS NULL THEN s.started_at END, now())) * 1000)::bigint
           AS started_ms,
       (extract(epoch FROM coalesce(s.first_started_at, now())) * 1000)::bigint AS first_started_ms,
       s.shut
  FROM given g
  LEFT JOIN seen s USING (id)
  LEFT JOIN claimed c ON c.id = g.id
