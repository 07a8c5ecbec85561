-- Claims what claim would claim, in fewer steps, where nothing is special about it: pending rows, of waves with room
-- for all that is given of them, not of the kind remote, behind no canary, and with no need to spread them. Most
-- are like that. It answers for what it has claimed only, and says of it what claim says first; the others are for
-- claim to look at. Few ids: claim_lock has locked their waves, all in the same way.
-- The rows are found by their ids only, once: hence wave_no + 0, which no index has.
-- $1 to $6 as of claim, $7 to $9 as its $8 to $10
WITH given AS MATERIALIZED (
    SELECT m.wave_no, count(*) AS ids FROM migrations m WHERE m.id = ANY ($1::bigint[]) GROUP BY m.wave_no),
w AS MATERIALIZED (
    SELECT w.wave_no, p.body_us, (date_part('epoch', now()) * 1000)::bigint AS now_ms,
           w.wave_no = ANY ($5::bigint[]) OR w.wave_no <> ALL ($7::bigint[]) AND coalesce(p.body_us < $8::bigint, false) AS short
      FROM waves w
     CROSS JOIN LATERAL (
           SELECT coalesce(sum(claimed - released), 0) AS taken,
                  CASE WHEN sum(bodies) >= $9::int THEN (sum(bodies_us) / sum(bodies))::bigint END AS body_us
             FROM wave_progress WHERE wave_no = w.wave_no) p
     WHERE w.wave_no = ANY (ARRAY(SELECT wave_no FROM given))
       AND w.state = 'running' AND w.queue = ANY ($4::text[])
       AND w.queue <> ALL (ARRAY(SELECT queue FROM queues WHERE paused))
       AND w.kind <> 'remote' AND w.gate_id IS NULL
       AND w.batch_size - p.taken >= (SELECT g.ids FROM given g WHERE g.wave_no = w.wave_no)
       AND EXISTS (SELECT FROM workers WHERE worker_id = $2::bigint AND alive)),
claimed AS (
    UPDATE migrations m
       SET state = 'running', attempt = m.attempt + 1, worker_id = $2::bigint,
           first_started_at = coalesce(m.first_started_at, now()), started_at = now(),
           finished_at = NULL, updated_at = now(), class = NULL, error = NULL
     WHERE m.id = ANY ($1::bigint[]) AND m.state = 'pending'
       AND m.wave_no + 0 = ANY (ARRAY(SELECT wave_no FROM w WHERE short OR cardinality($1::bigint[]) <= $6::int))
       AND (m.crashes = 0 OR cardinality($1::bigint[]) <= $6::int)
    RETURNING m.id, m.wave_no, m.attempt, m.project, m.brz_project_id, m.spent, m.params, m.memo,
              m.first_started_at),
noted AS (
    INSERT INTO active (migration_id, wave_no, state, worker_id, attempt)
    SELECT id, wave_no, 'running', $2::bigint, attempt FROM claimed),
counted AS (
    INSERT INTO wave_progress AS p (wave_no, shard, claimed)
    SELECT wave_no, $3::smallint, count(*) FROM claimed GROUP BY wave_no ORDER BY wave_no
        ON CONFLICT (wave_no, shard) DO UPDATE SET claimed = p.claimed + excluded.claimed)
SELECT c.id, c.attempt AS claimed, c.wave_no, c.project, c.brz_project_id, c.spent, c.params::text, c.memo::text,
       w.now_ms AS started_ms, (date_part('epoch', c.first_started_at) * 1000)::bigint AS first_started_ms, w.body_us
  FROM claimed c JOIN w ON w.wave_no = c.wave_no
