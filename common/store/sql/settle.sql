-- Settles a batch of outcomes: migrations, attempts, active, dead and progress in one statement. An id
-- that is missing from the answer was refused: its attempt is over, or another one has it.
-- $1 bigint[] ids        $2 int[] attempts     $3 text[] outcomes: completed, parked, failed, handed_back
-- $4 text[] classes      $5 text[] errors      $6 text[] results (JSON)   $7 text[] memos (JSON)
-- $8 bigint[] due_in_ms (parked: until the next poll; failed: at least so long; -1: by backoff)
-- $9 bigint[] learnt targets (0: none)         $10 worker_id of bodies; 0: a webhook or a person
-- $11 shard   $12 retry.base_ms   $13 retry.cap_ms   $14 crash budget
-- $15 int[] 1: the outcome of a poll, which fits a parked row too
-- $16 a worker that the same transaction marked dead: its running rows are settled as lost; 0: none
-- $17 looks first whether the history has such an attempt already, which never happens, but must not hold up
-- anything for ever: after a failure, and when the dead are reaped
-- $18 bigint[] microseconds that bodies took (0: nobody knows)
-- $19 a claim follows in the same transaction: it is told how many of each wave have made room (wavefleet.freed)
-- What was asked of the attempt meanwhile (active.cancel) is of no interest where it has completed.
WITH d AS (
    SELECT * FROM unnest($1::bigint[], $2::int[], $3::text[], $4::text[], $5::text[], $6::text[],
                         $7::text[], $8::bigint[], $9::bigint[], $15::int[], $18::bigint[])
             AS d (id, attempt, outcome, class, error, result, memo, due_in_ms, target, poll, took)
    UNION ALL
    SELECT a.migration_id, a.attempt, 'failed', 'lost', 'its worker died', NULL, NULL, -1, 0, 0, 0
      FROM under_way a
     WHERE $16::bigint <> 0 AND a.worker_id = $16::bigint AND a.state = 'running'
       AND NOT EXISTS (SELECT FROM workers WHERE worker_id = $16::bigint AND alive)),
f AS (
    SELECT d.*, m.wave_no, m.state AS was, w.state AS wave_state, a.cancel, a.cancel_note,
           m.spent + CASE WHEN d.outcome = 'failed' AND d.class NOT IN ('dependency', 'lost')
                          THEN 1 ELSE 0 END AS now_spent,
           m.crashes + CASE WHEN d.outcome = 'failed' AND d.class IN ('crashed', 'timed_out', 'lost')
                            THEN 1 ELSE 0 END AS now_crashes,
           w.max_attempts, random() AS luck, m.worker_id AS ran_on, w.version, w.batch_size, w.priority,
           w.queue, w.has_dependencies
      FROM d
      JOIN LATERAL (SELECT wave_no, state, attempt, spent, crashes, worker_id FROM migrations
                     WHERE id = d.id OFFSET 0) m ON true
      JOIN LATERAL (SELECT state, max_attempts, version, batch_size, priority, queue, has_dependencies FROM waves
                     WHERE wave_no = m.wave_no OFFSET 0) w ON true
      LEFT JOIN LATERAL (SELECT cancel, cancel_note FROM active
                          WHERE migration_id = d.id AND d.outcome <> 'completed' OFFSET 0) a ON true
     WHERE m.attempt = d.attempt
       AND CASE WHEN d.poll <> 0 OR $10::bigint = 0 THEN m.state IN ('running', 'parked')
                ELSE m.state = 'running' AND m.worker_id = $10::bigint END),
s AS (
    SELECT f.*,
           CASE WHEN outcome = 'completed' THEN 'completed'
                WHEN cancel = 'cancel'
                     OR wave_state = 'stopped'
                        AND (cancel = 'reset' OR cancel IS NULL AND next NOT IN ('completed', 'failed')) THEN 'cancelled'
                WHEN cancel = 'fail' THEN 'failed'
                WHEN cancel = 'reset' THEN 'pending'
                ELSE next END::migration_state AS state
      FROM f CROSS JOIN LATERAL (
           SELECT CASE outcome
                  WHEN 'parked' THEN 'parked'
                  WHEN 'handed_back' THEN 'pending'
                  WHEN 'failed' THEN
                      CASE WHEN class IN ('data', 'critical') THEN 'failed'
                           WHEN class = 'dependency' THEN 'retrying'
                           WHEN class IN ('crashed', 'timed_out', 'lost')
                                AND now_crashes > $14::int THEN 'failed'
                           WHEN now_spent >= max_attempts THEN 'failed'
                           WHEN class = 'lost' THEN 'pending'
                           ELSE 'retrying' END
                  ELSE 'completed' END AS next) n),
t AS MATERIALIZED (
    SELECT s.*,
           CASE WHEN state = 'parked' THEN greatest(due_in_ms, 0)
                WHEN state = 'retrying' THEN
                    CASE WHEN due_in_ms >= 0 THEN due_in_ms
                         ELSE (luck * least($13::float8, $12::float8 * 2.0 ^ least(now_spent - 1, 40)))::bigint
                    END END AS wait_ms,
           CASE WHEN cancel IS NOT NULL AND outcome <> 'completed'
                THEN coalesce(cancel_note, 'stopped by a person') ELSE error END AS says
      FROM s),
u AS (
    UPDATE migrations m
       SET state = t.state,
           spent = CASE WHEN t.cancel IS NULL THEN t.now_spent ELSE m.spent END,
           crashes = CASE WHEN t.cancel IS NULL THEN t.now_crashes ELSE m.crashes END,
           finished_at = CASE WHEN t.state IN ('completed', 'failed', 'cancelled') THEN now() END,
           updated_at = now(),
           class = CASE WHEN t.state IN ('failed', 'retrying') THEN t.class::error_class END,
           error = CASE WHEN t.state IN ('failed', 'retrying', 'cancelled') THEN t.says END,
           result = coalesce(t.result::jsonb, m.result),
           memo = coalesce(t.memo::jsonb, m.memo),
           brz_project_id = coalesce(nullif(t.target, 0), m.brz_project_id)
      FROM t
     WHERE m.id = t.id AND m.attempt = t.attempt AND m.state = t.was
    RETURNING m.id, m.wave_no, m.attempt, m.state, m.started_at, t.was, t.outcome, t.class, t.says,
              t.wait_ms, t.cancel, t.ran_on, t.version, t.wave_state, t.batch_size, t.priority, t.queue,
              t.has_dependencies, t.took),
gone AS (
    DELETE FROM active a
     WHERE a.migration_id = ANY (ARRAY(SELECT id FROM u WHERE state NOT IN ('parked', 'retrying')))),
kept AS (
    INSERT INTO active AS a (migration_id, wave_no, state, attempt, polls, due_at)
    SELECT id, wave_no, state, attempt, (was = 'parked')::int, now() + wait_ms * interval '1 ms'
      FROM u WHERE state IN ('parked', 'retrying')
        ON CONFLICT (migration_id) DO UPDATE
       SET state = excluded.state, attempt = excluded.attempt, worker_id = NULL, due_at = excluded.due_at,
           polls = CASE WHEN excluded.polls > 0 THEN a.polls + 1 ELSE 0 END,
           progress = CASE WHEN excluded.state = 'parked' THEN a.progress END),
turned AS (
    UPDATE claims c SET ended = c.ended + g.n
      FROM (SELECT started_at, count(*) AS n FROM u WHERE was = 'running' GROUP BY started_at) g
     WHERE $16::bigint = 0 AND c.worker_id = $10::bigint AND c.at = g.started_at),
-- nothing of a dead worker's runs any more
let_go AS (
    DELETE FROM claims
     WHERE $16::bigint <> 0 AND worker_id = $16::bigint
       AND NOT EXISTS (SELECT FROM workers WHERE worker_id = $16::bigint AND alive)),
ended AS (
    INSERT INTO attempts_kept (migration_id, attempt, worker_id, started_at, outcome, class, error)
    SELECT id, attempt, ran_on, started_at,
           CASE WHEN cancel IS NOT NULL OR state = 'cancelled' THEN 'cancelled'
                WHEN class = 'lost' THEN 'lost'
                ELSE outcome END,
           class::error_class, says
      FROM u
     WHERE state NOT IN ('parked', 'completed') -- of which the migration's own row tells
       AND NOT ($17::boolean AND EXISTS (SELECT FROM attempts_kept o
                                          WHERE o.migration_id = u.id AND o.attempt = u.attempt))),
buried AS (
    INSERT INTO dead (migration_id, wave_no, class, alarm)
    SELECT id, wave_no, class::error_class, class IS NOT DISTINCT FROM 'critical' FROM u WHERE state = 'failed'
        ON CONFLICT (migration_id) DO UPDATE
       SET class = excluded.class, at = excluded.at, alarm = excluded.alarm),
reminded AS (
    INSERT INTO unresolved (migration_id, wave_no)
    SELECT u.id, u.wave_no FROM u
     WHERE u.has_dependencies AND u.state IN ('completed', 'failed', 'cancelled')
       AND EXISTS (SELECT FROM dependencies d WHERE d.on_id = u.id)
        ON CONFLICT DO NOTHING),
counted AS (
    INSERT INTO wave_progress AS p (wave_no, shard, released, completed, failed, cancelled, bodies, bodies_us)
    SELECT wave_no, $11::smallint, count(*) FILTER (WHERE state <> 'parked'),
           count(*) FILTER (WHERE state = 'completed'), count(*) FILTER (WHERE state = 'failed'),
           count(*) FILTER (WHERE state = 'cancelled'), count(*) FILTER (WHERE took > 0), sum(took)::bigint
      FROM u GROUP BY wave_no ORDER BY wave_no
        ON CONFLICT (wave_no, shard) DO UPDATE
       SET released = p.released + excluded.released, completed = p.completed + excluded.completed,
           failed = p.failed + excluded.failed, cancelled = p.cancelled + excluded.cancelled,
           bodies = p.bodies + excluded.bodies, bodies_us = p.bodies_us + excluded.bodies_us),
told AS MATERIALIZED (
    SELECT CASE WHEN $19::boolean
                THEN set_config('wavefleet.freed',
                                (SELECT json_object_agg(wave_no, n)::text
                                   FROM (SELECT wave_no, count(*) AS n FROM u WHERE state <> 'parked' GROUP BY wave_no) g),
                                true) END)
SELECT u.id, u.attempt, u.wave_no, u.state, u.wait_ms, u.class, u.version, u.wave_state,
       u.batch_size, u.priority, u.queue
  FROM told CROSS JOIN u
