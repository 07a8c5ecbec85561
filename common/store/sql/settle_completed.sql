-- Settles a batch of which every outcome is `completed`, as most are: what settle does for these, in fewer
-- steps. What was asked of them meanwhile, or of their wave, is of no interest any more. Answers with one row for each
-- wave: which places of the batch, from 1, have been settled.
-- $1 bigint[] ids   $2 int[] attempts   $3 text[] results (JSON)   $4 text[] memos (JSON)
-- $5 bigint[] learnt targets (0: none)   $6 int[] 1: the outcome of a poll, which fits a parked row too; $3 to $6 may be
-- shorter than the batch, or empty
-- $7 worker_id of bodies; 0: a webhook or a person   $8 shard
-- $9 bigint[] microseconds that bodies took (0: nobody knows)
-- $10 a claim follows in the same transaction: it is told how many of each wave have made room (wavefleet.freed)
-- $11 so many slots the transaction has promised to free (slots_promise); 0: none. Where it frees fewer, it fails
-- watched: what has been completed of this wave can let others go
WITH u AS (
    UPDATE migrations m
       SET state = 'completed', finished_at = now(), updated_at = now(), class = NULL, error = NULL,
           result = coalesce(d.result::jsonb, m.result), memo = coalesce(d.memo::jsonb, m.memo),
           brz_project_id = coalesce(nullif(d.target, 0), m.brz_project_id)
      FROM unnest($1::bigint[], $2::int[], $3::text[], $4::text[], $5::bigint[], $6::int[],
                  $9::bigint[]) WITH ORDINALITY
             AS d (id, attempt, result, memo, target, poll, took, place)
     WHERE m.id = d.id AND m.attempt = d.attempt
       AND CASE WHEN d.poll <> 0 OR $7::bigint = 0 THEN m.state IN ('running', 'parked')
                ELSE m.state = 'running' AND m.worker_id = $7::bigint END
    RETURNING m.id, m.wave_no, m.started_at, d.took, d.place),
-- where this worker has no row there, as where its claims are rows of `claims`, none is looked for
gone AS (
    DELETE FROM active a
     WHERE a.migration_id = ANY (ARRAY(
               SELECT id FROM u
                WHERE $7::bigint = 0 OR cardinality($6::int[]) > 0
                   OR EXISTS (SELECT FROM active WHERE worker_id = $7::bigint)))),
turned AS (
    UPDATE claims c SET ended = c.ended + g.n
      FROM (SELECT started_at, count(*) AS n FROM u GROUP BY started_at) g
     WHERE c.worker_id = $7::bigint AND c.at = g.started_at),
k AS MATERIALIZED (
    SELECT g.*, w.*
      FROM (SELECT wave_no AS no, array_agg(place) AS places, count(*) AS n,
                   count(*) FILTER (WHERE took > 0) AS bodies, sum(took)::bigint AS us FROM u GROUP BY wave_no) g
     CROSS JOIN LATERAL (SELECT version, state AS wave_state, batch_size, priority, queue, has_dependencies,
                                  has_dependencies OR gate_id IS NOT NULL AS watched
                           FROM waves WHERE wave_no = g.no OFFSET 0) w),
reminded AS (
    INSERT INTO unresolved (migration_id, wave_no)
    SELECT id, wave_no FROM u
     WHERE wave_no = ANY (ARRAY(SELECT no FROM k WHERE has_dependencies))
       AND EXISTS (SELECT FROM dependencies d WHERE d.on_id = u.id)
        ON CONFLICT DO NOTHING),
counted AS (
    INSERT INTO wave_progress AS p (wave_no, shard, released, completed, bodies, bodies_us)
    SELECT no, $8::smallint, n, n, bodies, us FROM k ORDER BY no
        ON CONFLICT (wave_no, shard) DO UPDATE
       SET released = p.released + excluded.released, completed = p.completed + excluded.completed,
           bodies = p.bodies + excluded.bodies, bodies_us = p.bodies_us + excluded.bodies_us),
told AS MATERIALIZED (
    SELECT CASE WHEN $10::boolean
                THEN set_config('wavefleet.freed', (SELECT json_object_agg(no, n)::text FROM k), true) END,
           CASE WHEN f.n < $11::int
                THEN refuse('WF503', format('only %s of %s promised slots are free', f.n, $11::int)) END
      FROM (SELECT coalesce(sum(n), 0) AS n FROM k) f)
SELECT k.no AS wave_no, k.places::text, k.version, k.wave_state, k.batch_size, k.priority, k.queue, k.watched
  FROM told LEFT JOIN k ON true -- in this order: told is looked at even where nothing was settled
