-- Waves that wave_judge or wave_resolve would change: asked after the commit of a settlement, without a lock;
-- they look again under one.
-- $1 bigint[] migration ids, whose waves are meant; null: all that are not over   $2 bigint[] waves, or null
SELECT w.wave_no
  FROM waves w
 CROSS JOIN LATERAL (
       SELECT coalesce(sum(completed), 0) AS completed, coalesce(sum(failed), 0) AS failed,
              coalesce(sum(cancelled), 0) AS cancelled
         FROM wave_progress p WHERE p.wave_no = w.wave_no) p
 WHERE w.wave_no = ANY (ARRAY(SELECT m.wave_no FROM migrations m WHERE m.id = ANY ($1::bigint[])) || $2::bigint[]
                        || CASE WHEN $1::bigint[] IS NULL
                                THEN ARRAY(SELECT o.wave_no FROM waves o WHERE o.completed_at IS NULL) END)
   AND w.completed_at IS NULL
   AND (w.total <= p.completed + p.failed + p.cancelled AND (w.state IN ('running', 'paused', 'stopped')
                                                             OR w.state = 'ready' AND w.total > 0)
        OR (w.has_dependencies AND w.state IN ('running', 'paused', 'stopped')
            AND EXISTS (SELECT FROM unresolved u WHERE u.wave_no = w.wave_no))
        OR (w.state = 'running'
            AND (p.failed - w.failures_seen >= w.max_failures
                 OR p.failed - w.failures_seen >= greatest(1, w.total * w.max_failures_percent / 100)
                    AND w.max_failures_percent IS NOT NULL
                 OR (w.gate_id IS NOT NULL AND (p.failed + p.cancelled > 0 OR p.completed >= w.canary))
                 OR (p.failed > 0 AND EXISTS (SELECT FROM dead d WHERE d.wave_no = w.wave_no AND d.alarm)))))
