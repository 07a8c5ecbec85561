-- What claim_fresh does, for many ids, given as ranges: neighbours come together, and each range is looked up once.
-- The planner does not know them and takes each for a part of the table: the order and the limit make it use the index
-- all the same. claim_lock_many has locked their waves, and told how, and how many of each are given. A wave that has
-- become larger than its window since then is left out, unless that is guarded. What of it ends with the transaction
-- (wavefleet.promised, slots_promise) leaves room already. first_started_ms is null where it is this start.
-- $1 bigint[] first ids and $2 bigint[] last ids of ranges   $3 to $6 as $2 to $5 of claim
-- $7 no more are given than may be claimed that are not known to be short   $8 to $10 as of claim
WITH w AS MATERIALIZED (
    SELECT w.wave_no, p.body_us, (date_part('epoch', now()) * 1000)::bigint AS now_ms,
           w.wave_no = ANY ($6::bigint[]) OR w.wave_no <> ALL ($8::bigint[]) AND coalesce(p.body_us < $9::bigint, false) AS short
      FROM waves w
     CROSS JOIN LATERAL (
           SELECT coalesce(sum(claimed - released), 0) AS taken,
                  CASE WHEN sum(bodies) >= $10::int THEN (sum(bodies_us) / sum(bodies))::bigint END AS body_us
             FROM wave_progress WHERE wave_no = w.wave_no) p
     WHERE w.wave_no = ANY (nullif(current_setting('wavefleet.guarded', true), '')::bigint[]
                            || nullif(current_setting('wavefleet.free', true), '')::bigint[])
       AND w.state = 'running' AND w.queue = ANY ($5::text[])
       AND w.queue <> ALL (ARRAY(SELECT queue FROM queues WHERE paused))
       AND w.kind <> 'remote' AND w.gate_id IS NULL
       AND (w.batch_size >= w.total
            OR w.wave_no = ANY (nullif(current_setting('wavefleet.guarded', true), '')::bigint[]))
       AND w.batch_size - p.taken
           + coalesce((nullif(current_setting('wavefleet.promised', true), '')::jsonb ->> w.wave_no::text)::int, 0)
           >= (nullif(current_setting('wavefleet.given', true), '')::jsonb ->> w.wave_no::text)::int
       AND EXISTS (SELECT FROM workers WHERE worker_id = $3::bigint AND alive)),
claimed AS (
    UPDATE migrations m
       SET state = 'running', attempt = m.attempt + 1, worker_id = $3::bigint,
           first_started_at = coalesce(m.first_started_at, now()), started_at = now(),
           finished_at = NULL, updated_at = now(), class = NULL, error = NULL
     WHERE m.ctid = ANY (ARRAY(
               SELECT f.place
                 FROM unnest($1::bigint[], $2::bigint[]) AS r (first, last)
                CROSS JOIN LATERAL (
                      SELECT ctid AS place, state, crashes, wave_no FROM migrations
                       WHERE id BETWEEN r.first AND r.last ORDER BY id LIMIT r.last - r.first + 1) f
                WHERE f.state = 'pending' AND (f.crashes = 0 OR $7::boolean)
                  AND f.wave_no = ANY (ARRAY(SELECT wave_no FROM w WHERE short OR $7::boolean))))
       AND m.state = 'pending'
    RETURNING m.id, m.wave_no, m.attempt, m.project, m.brz_project_id, m.spent, m.params, m.memo,
              m.first_started_at),
each AS MATERIALIZED (
    SELECT wave_no, count(*) AS n FROM claimed GROUP BY wave_no),
-- what is known to be short is noted in one row of `claims`
apart AS MATERIALIZED (
    SELECT wave_no FROM w WHERE NOT short),
noted AS (
    INSERT INTO active (migration_id, wave_no, state, worker_id, attempt)
    SELECT id, wave_no, 'running', $3::bigint, attempt FROM claimed
     WHERE EXISTS (SELECT FROM apart) AND wave_no = ANY (ARRAY(SELECT wave_no FROM apart))),
held AS (
    INSERT INTO claims (worker_id, first_ids, last_ids, claimed)
    SELECT $3::bigint, $1::bigint[], $2::bigint[], sum(n) FROM each
    HAVING bool_or(wave_no <> ALL (ARRAY(SELECT wave_no FROM apart)))),
over AS (
    DELETE FROM claims WHERE worker_id = $3::bigint AND ended = claimed),
counted AS (
    INSERT INTO wave_progress AS p (wave_no, shard, claimed)
    SELECT wave_no, $4::smallint, n FROM each ORDER BY wave_no
        ON CONFLICT (wave_no, shard) DO UPDATE SET claimed = p.claimed + excluded.claimed)
-- what is the same for a whole wave stands in a row of its own, before all others, without an id
SELECT NULL::bigint AS id, NULL::int AS claimed, wave_no, NULL::text AS project, NULL::bigint AS brz_project_id,
       NULL::int AS spent, NULL::text AS params, NULL::text AS memo, now_ms AS started_ms,
       NULL::bigint AS first_started_ms, body_us
  FROM w
 UNION ALL
SELECT id, attempt, wave_no, project, brz_project_id, nullif(spent, 0), params::text, memo::text, NULL,
       CASE WHEN first_started_at <> now() THEN (date_part('epoch', first_started_at) * 1000)::bigint END, NULL
  FROM claimed
