-- Judges waves, which wave_lock has locked and wave_resolve has gone through: a wave without a row that is
-- not terminal ends (as error where one failed; a stopped one stays stopped; each run ends once), also a ready
-- one, whose last rows ran when it was reset; a running one pauses for an alarm, a failed canary or too many
-- failures, and its gate opens when the canary is completed. Answers the waves that it changed.
-- $1 bigint[] wave_nos
WITH w AS MATERIALIZED (
    SELECT w.wave_no, w.state, w.total, w.canary, w.gate_id, w.failures_seen, failure_limit(w) AS failure_limit,
           p.completed, p.failed, p.cancelled, p.completed + p.failed + p.cancelled AS done,
           c.good, c.bad, c.culprit,
           EXISTS (SELECT FROM dead d WHERE d.wave_no = w.wave_no AND d.alarm) AS alarm
      FROM waves w
     CROSS JOIN LATERAL (
           SELECT coalesce(sum(completed), 0) AS completed, coalesce(sum(failed), 0) AS failed,
                  coalesce(sum(cancelled), 0) AS cancelled
             FROM wave_progress p WHERE p.wave_no = w.wave_no) p
     CROSS JOIN LATERAL (
           SELECT count(*) FILTER (WHERE m.state = 'completed') AS good,
                  count(*) FILTER (WHERE m.state IN ('failed', 'cancelled')) AS bad,
                  min(m.project) FILTER (WHERE m.state IN ('failed', 'cancelled')) AS culprit
             FROM migrations m
            WHERE w.gate_id IS NOT NULL AND m.wave_no + 0 = w.wave_no
              AND m.id >= w.first_id AND m.id < w.gate_id) c
     WHERE w.wave_no = ANY ($1::bigint[]) AND w.completed_at IS NULL
       AND (w.state IN ('running', 'paused', 'stopped') OR w.state = 'ready' AND w.total > 0)),
j AS MATERIALIZED (
    SELECT *,
           CASE WHEN total <= done THEN 'ended'
                WHEN state <> 'running' THEN NULL
                WHEN alarm OR bad > 0 OR failed - failures_seen >= failure_limit THEN 'paused'
                WHEN good >= canary AND gate_id IS NOT NULL THEN 'opened' END AS what,
           CASE WHEN alarm THEN 'a migration failed in a way that is likely to hit the others'
                WHEN bad > 0 THEN format('the canary failed: %s of %s (%s)', bad, canary, culprit)
                ELSE format('%s migrations failed, and max_failures is %s', failed - failures_seen,
                            failure_limit) END AS why
      FROM w),
heard AS (
    UPDATE dead d SET alarm = false FROM j WHERE d.wave_no = j.wave_no AND j.alarm AND d.alarm),
u AS (
    UPDATE waves t
       SET state = CASE WHEN j.what = 'paused' THEN 'paused'
                        WHEN j.what = 'opened' OR t.state = 'stopped' THEN t.state
                        WHEN j.failed > 0 THEN 'error' ELSE 'completed' END::wave_state,
           version = t.version + 1, updated_at = now(),
           completed_at = CASE WHEN j.what = 'ended' THEN now() END,
           gate_id = CASE WHEN j.what = 'paused' THEN t.gate_id END,
           note = CASE WHEN j.what = 'paused' THEN j.why WHEN t.state = 'stopped' THEN t.note END
      FROM j WHERE t.wave_no = j.wave_no AND j.what IS NOT NULL
    RETURNING t.wave_no, t.wave_id, t.state, t.version, t.batch_size, t.priority, t.queue,
              j.completed, j.failed, j.cancelled, j.what, j.why, j.gate_id),
l AS (
    INSERT INTO wave_logs (wave_no, line)
    SELECT wave_no,
           CASE what WHEN 'ended' THEN format('ended as %s: %s completed, %s failed, %s cancelled',
                                              state, completed, failed, cancelled)
                     WHEN 'paused' THEN 'paused: ' || why
                     ELSE 'the canary is completed: the rest may start' END
      FROM u)
SELECT wave_no, wave_id, state, version, batch_size, priority, queue, completed, failed, cancelled, what,
       why, gate_id
  FROM u
