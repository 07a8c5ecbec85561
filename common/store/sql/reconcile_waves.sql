-- The waves that are not over, with what Redis should hold of each: pending are those that may be released,
-- which blocked ones and those behind a canary may not.
SELECT w.wave_no, w.version, w.state, w.batch_size, w.priority, w.queue,
       CASE WHEN w.gate_id IS NULL
            THEN w.total - coalesce(p.done, 0) - coalesce(p.inflight, 0) - coalesce(a.retrying, 0)
            ELSE (SELECT count(*) FROM migrations m
                   WHERE m.wave_no + 0 = w.wave_no AND m.id >= w.first_id AND m.id < w.gate_id
                     AND m.state = 'pending') END AS pending,
       coalesce(p.inflight, 0) AS inflight, coalesce(a.retrying, 0) AS retrying
  FROM waves w
  LEFT JOIN LATERAL (
       SELECT sum(completed + failed + cancelled + blocked) AS done, sum(claimed - released) AS inflight
         FROM wave_progress p WHERE p.wave_no = w.wave_no) p ON true
  LEFT JOIN LATERAL (
       SELECT count(*) AS retrying FROM active a
        WHERE a.wave_no = w.wave_no AND a.state = 'retrying') a ON true
 WHERE w.completed_at IS NULL AND w.state <> 'planning'
 ORDER BY w.wave_no
