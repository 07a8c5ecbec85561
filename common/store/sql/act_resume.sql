-- Lets a paused wave, one that was reset, or a planned one go on; act_lock_wave has locked it. Failures are
-- counted anew from here. Where the canary has failed and nothing of it was restarted, or where it is
-- over, the rest may start: the person has seen it.
-- $1 wave_id   $2 who
WITH w AS MATERIALIZED (
    SELECT w.*, wave_step('resume', w.state) AS becomes, c.bad,
           (SELECT sum(failed) FROM wave_progress p WHERE p.wave_no = w.wave_no) AS failed,
           w.state <> 'running' AND w.gate_id IS NOT NULL AND (c.bad > 0 OR c.good >= w.canary) AS opens
      FROM waves w
     CROSS JOIN LATERAL (
           SELECT count(*) FILTER (WHERE m.state IN ('failed', 'cancelled')) AS bad,
                  count(*) FILTER (WHERE m.state = 'completed') AS good
             FROM migrations m
            WHERE w.gate_id IS NOT NULL AND m.wave_no + 0 = w.wave_no
              AND m.id >= w.first_id AND m.id < w.gate_id) c
     WHERE w.wave_id = $1::text),
v AS (
    UPDATE waves t
       SET state = w.becomes, version = t.version + (w.state <> w.becomes)::int, planned = false, note = NULL,
           gate_id = CASE WHEN w.opens THEN NULL ELSE t.gate_id END,
           failures_seen = CASE WHEN w.state <> w.becomes THEN coalesce(w.failed, 0) ELSE t.failures_seen END,
           updated_at = CASE WHEN w.state <> w.becomes THEN now() ELSE t.updated_at END
      FROM w WHERE t.wave_no = w.wave_no
    RETURNING t.*, w.state AS was, w.opens, w.bad, w.gate_id AS gate_was),
l AS (
    INSERT INTO wave_logs (wave_no, line)
    SELECT wave_no, concat('resumed by ', $2::text,
                           CASE WHEN opens AND bad > 0 THEN ', although its canary failed: the rest may start'
                                WHEN opens THEN ': the rest may start' END)
      FROM v WHERE was <> state)
SELECT wave_no, version, state, batch_size, priority, queue, NULL::bigint AS id, NULL::text AS row_state,
       json_build_object('status', 'in_progress', 'state', state, 'changed', was <> state)::text AS data,
       NULL::text AS since, CASE WHEN opens THEN gate_was - 1 END AS refill_after
  FROM v
