-- The waves that are not over, with what Redis should hold of each.
SELECT w.wave_no, w.version, w.state, w.batch_size, w.priority, w.queue,
       w.total, coalesce(p.done, 0) AS done, coalesce(p.inflight, 0) AS inflight,
       coalesce(a.retrying, 0) AS retrying
  FROM waves w
  LEFT JOIN LATERAL (
       SELECT sum(completed + failed + cancelled) AS done, sum(claimed - released) AS inflight
         FROM wave_progress p WHERE p.wave_no = w.wave_no) p ON true
  LEFT JOIN LATERAL (
       SELECT count(*) AS retrying FROM active a
        WHERE a.wave_no = w.wave_no AND a.state = 'retrying') a ON true
 WHERE w.completed_at IS NULL AND w.state <> 'planning'
 ORDER BY w.wave_no
