-- Claims what claim would claim, in fewer steps, where nothing is special about it: pending rows, of waves with room
-- for all that is given of them, not of the kind remote, behind no canary, and with no need to spread them. Most
-- are like that. It answers, as claim, for what it has claimed only; the others are for claim to look at.
-- $1 to $10 as of claim
WITH given AS MATERIALIZED (
    SELECT m.wave_no, count(*) AS ids FROM migrations m WHERE m.id = ANY ($1::bigint[]) GROUP BY m.wave_no),
w AS MATERIALIZED (
    SELECT w.wave_no, p.body_us,
           w.wave_no = ANY ($5::bigint[]) OR w.wave_no <> ALL ($8::bigint[]) AND coalesce(p.body_us < $9::bigint, false) AS short
      FROM given g
     CROSS JOIN LATERAL (SELECT * FROM waves WHERE wave_no = g.wave_no OFFSET 0) w
     CROSS JOIN LATERAL (
           SELECT coalesce(sum(claimed - released), 0) AS taken,
                  CASE WHEN sum(bodies) >= $10::int THEN (sum(bodies_us) / sum(bodies))::bigint END AS body_us
             FROM wave_progress WHERE wave_no = g.wave_no) p
     WHERE w.state = 'running' AND w.queue = ANY ($4::text[])
       AND w.queue <> ALL (ARRAY(SELECT queue FROM queues WHERE paused))
       AND w.kind <> 'remote' AND w.gate_id IS NULL
       AND (NOT $7::boolean
            OR w.wave_no = ANY (nullif(current_setting('wavefleet.guarded', true), '')::bigint[])
            OR w.batch_size >= w.total
               AND w.wave_no = ANY (nullif(current_setting('wavefleet.free', true), '')::bigint[]))
       AND w.batch_size - p.taken >= g.ids
       AND EXISTS (SELECT FROM workers WHERE worker_id = $2::bigint AND alive)),
claimed AS (
    UPDATE migrations m
       SET state = 'running', attempt = m.attempt + 1, worker_id = $2::bigint,
           first_started_at = coalesce(m.first_started_at, now()), started_at = now(),
           finished_at = NULL, updated_at = now(), class = NULL, error = NULL
      FROM w
     WHERE m.id = ANY ($1::bigint[]) AND m.wave_no = w.wave_no AND m.state = 'pending'
       AND (w.short AND m.crashes = 0 OR cardinality($1::bigint[]) <= $6::int)
    RETURNING m.id, m.wave_no, m.attempt, m.project, m.brz_project_id, m.spent, m.params, m.memo,
              m.first_started_at, w.body_us),
noted AS (
    INSERT INTO active (migration_id, wave_no, state, worker_id, attempt)
    SELECT id, wave_no, 'running', $2::bigint, attempt FROM claimed),
counted AS (
    INSERT INTO wave_progress AS p (wave_no, shard, claimed)
    SELECT wave_no, $3::smallint, count(*) FROM claimed GROUP BY wave_no ORDER BY wave_no
        ON CONFLICT (wave_no, shard) DO UPDATE SET claimed = p.claimed + excluded.claimed)
SELECT id, attempt AS claimed, wave_no, 'pending' AS state, attempt - 1 AS attempt, true AS due, 0::bigint AS due_in_ms,
       true AS open, false AS twin, project, brz_project_id, spent, params::text, memo::text, NULL::int AS polls,
       (date_part('epoch', now()) * 1000)::bigint AS started_ms,
       (date_part('epoch', first_started_at) * 1000)::bigint AS first_started_ms,
       false AS shut, false AS spare, body_us
  FROM claimed
