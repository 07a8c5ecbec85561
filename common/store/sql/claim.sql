-- Claims ids for a worker, each wave getting at most the room that its window has; claim_lock has
-- locked the waves, and this statement sees what was committed before. It answers for every id that is one.
-- Tables are looked at by what is given only, however small they were when this was planned: no joins with them.
-- $1 bigint[] ids   $2 worker_id   $3 shard   $4 text[] queues of the worker
-- $5 bigint[] waves whose bodies this worker knows to be short   $6 how many may be claimed that are of others, or have crashed
-- before: what takes its worker with it shall not take many with it
-- spare: it would have been claimed, but for that, or its wave has become another kind while its lock was
-- waited for; it goes back as it is
-- $7 claim_lock_many has locked the waves: not all in the same way
-- $8 bigint[] waves whose bodies this worker knows not to be short; of the others what all workers have learnt
-- counts: $9 a mean below so many microseconds is short, $10 of so many bodies at least
-- $11 of each wave the first so many, whoever claims them, are claimed all the same: so all waves are known at once
-- body_us: that mean, once it is known
-- What waits behind a canary is answered as blocked: it has no business in Redis yet.
-- shut: its queue is paused: nothing of it is claimed, due polls go on
-- A row that was changed in the future is due: the clock was set back since its wait began.
-- twin: the same source and target run for another migration, or are claimed for one just now; such a row
-- is not claimed.
WITH w AS MATERIALIZED (
    SELECT w.wave_no, w.state = 'running' AND w.queue = ANY ($4::text[]) AS open, w.gate_id, w.kind,
           NOT $7::boolean
           OR w.wave_no = ANY (nullif(current_setting('wavefleet.guarded', true), '')::bigint[])
           OR w.batch_size >= w.total
              AND w.wave_no = ANY (nullif(current_setting('wavefleet.free', true), '')::bigint[]) AS locked,
           w.queue = ANY (ARRAY(SELECT queue FROM queues WHERE paused)) AS shut,
           w.wave_no = ANY ($5::bigint[]) OR w.wave_no <> ALL ($8::bigint[]) AND coalesce(p.body_us < $9::bigint, false)
               AS short,
           p.tries,
           w.batch_size - p.taken AS room, p.body_us
      FROM waves w
     CROSS JOIN LATERAL (
           SELECT coalesce(sum(claimed - released), 0) AS taken, $11::int - coalesce(sum(claimed), 0) AS tries,
                  CASE WHEN sum(bodies) >= $10::int THEN (sum(bodies_us) / sum(bodies))::bigint END AS body_us
             FROM wave_progress WHERE wave_no = w.wave_no) p
     WHERE w.wave_no = ANY (ARRAY(SELECT m.wave_no FROM migrations m WHERE m.id = ANY ($1::bigint[])))),
seen AS MATERIALIZED (
    SELECT m.id, m.ctid AS place, m.wave_no, m.state, m.attempt, m.project, m.brz_project_id, m.spent,
           m.params, m.memo, m.first_started_at, m.started_at, a.due_at, a.polls, w.room, w.shut, w.locked,
           w.body_us,
           w.short AND m.crashes = 0 AS short, CASE WHEN m.crashes = 0 THEN w.tries ELSE 0 END AS tries,
           coalesce(a.due_at <= now() OR m.updated_at > now() + interval '1 minute', true) AS due,
           w.open AND NOT w.shut AND NOT coalesce(m.id >= w.gate_id, false) AS open,
           m.state IN ('pending', 'retrying') AND coalesce(m.id >= w.gate_id, false) AS gated,
           w.kind = 'remote' AND m.brz_project_id IS NOT NULL AND m.state IN ('pending', 'retrying')
               AND EXISTS (SELECT FROM migrations o
                            WHERE o.brz_project_id = m.brz_project_id AND o.project = m.project AND o.id <> m.id
                              AND (o.state IN ('running', 'parked')
                                   OR o.id < m.id AND o.id = ANY ($1::bigint[])
                                      AND o.state IN ('pending', 'retrying'))) AS twin
      FROM migrations m
      LEFT JOIN w USING (wave_no)
      LEFT JOIN LATERAL (SELECT due_at, polls FROM active
                          WHERE migration_id = m.id AND m.state <> 'pending' OFFSET 0) a ON true
     WHERE m.id = ANY ($1::bigint[])),
fit AS MATERIALIZED (
    SELECT r.id, r.place, r.short, r.nth <= r.tries AS tried,
           count(*) FILTER (WHERE NOT r.short) OVER (ORDER BY r.nth, r.id ROWS UNBOUNDED PRECEDING) AS nth_other
      FROM (SELECT id, place, room, short, tries, row_number() OVER (PARTITION BY wave_no ORDER BY id) AS nth
              FROM seen
             WHERE open AND locked AND NOT twin AND (state = 'pending' OR (state = 'retrying' AND due))) r
     WHERE r.nth <= r.room AND EXISTS (SELECT FROM workers WHERE worker_id = $2::bigint AND alive)),
claimed AS (
    UPDATE migrations m
       SET state = 'running', attempt = m.attempt + 1, worker_id = $2::bigint,
           first_started_at = coalesce(m.first_started_at, now()), started_at = now(),
           finished_at = NULL, updated_at = now(), class = NULL, error = NULL
     WHERE m.ctid = ANY (ARRAY(SELECT place FROM fit WHERE short OR tried OR nth_other <= $6::int))
       AND m.state IN ('pending', 'retrying')
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
SELECT s.id, c.attempt AS claimed, s.wave_no, s.project, s.brz_project_id, s.spent, s.params::text, s.memo::text,
       (date_part('epoch', coalesce(CASE WHEN c.id IS NULL THEN s.started_at END, now())) * 1000)::bigint
           AS started_ms,
       (date_part('epoch', coalesce(s.first_started_at, now())) * 1000)::bigint AS first_started_ms,
       s.body_us,
       CASE WHEN s.gated THEN 'blocked' ELSE s.state END AS state, s.attempt,
       s.due, CASE WHEN s.due THEN 0 ELSE ceil(date_part('epoch', s.due_at - now()) * 1000) END::bigint AS due_in_ms,
       s.open, s.twin, s.polls, s.shut,
       c.id IS NULL AND (s.locked IS NOT TRUE OR s.id = ANY (ARRAY(SELECT id FROM fit WHERE NOT short))) AS spare
  FROM seen s
  LEFT JOIN claimed c ON c.id = s.id
