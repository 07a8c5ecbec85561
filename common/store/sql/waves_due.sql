-- What the clock, or the end of another wave, asks of waves: planned ones that may start, and those to be
-- stopped, with the reason; once more those whose stop has left something behind, as releases before 0.19.0 could.
-- Each act looks again under the wave's lock. A few at a time.
SELECT w.wave_id, 'stop' AS act, 'its deadline' AS why
  FROM waves w
 WHERE w.completed_at IS NULL AND w.deadline_at <= now() AND w.state IN ('ready', 'running', 'paused')
UNION ALL
(SELECT DISTINCT ON (w.wave_no) w.wave_id, 'stop',
        format('"%s" (%s), on which it depends and which ended as %s', o.name, o.wave_id, o.state)
   FROM waves w
   JOIN wave_dependencies d USING (wave_no)
   JOIN waves o ON o.wave_no = d.on_wave_no
  WHERE w.planned AND w.state = 'ready' AND o.completed_at IS NOT NULL AND o.state <> 'completed'
  ORDER BY w.wave_no, o.wave_no)
UNION ALL
SELECT w.wave_id, 'stop', 'an earlier stop'
  FROM waves w
 WHERE w.completed_at IS NULL AND w.state = 'stopped'
   AND w.total > (SELECT coalesce(sum(p.completed + p.failed + p.cancelled + p.claimed - p.released), 0)
                    FROM wave_progress p WHERE p.wave_no = w.wave_no)
UNION ALL
SELECT w.wave_id, 'start', NULL
  FROM waves w
 WHERE w.planned AND w.state = 'ready' AND coalesce(w.start_at <= now(), true)
   AND NOT EXISTS (SELECT FROM wave_dependencies d JOIN waves o ON o.wave_no = d.on_wave_no
                    WHERE d.wave_no = w.wave_no AND (o.completed_at IS NULL OR o.state <> 'completed'))
 LIMIT 100
