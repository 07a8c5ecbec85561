-- Which waves of these migrations have no row left that is not terminal: asked after the commit of a
-- settlement, without a lock; wave_end looks again under one.
-- $1 bigint[] migration ids
SELECT w.wave_no FROM waves w
 WHERE w.wave_no IN (SELECT m.wave_no FROM migrations m WHERE m.id = ANY ($1::bigint[]))
   AND w.completed_at IS NULL AND w.state IN ('running', 'paused', 'stopped')
   AND w.total <= (SELECT coalesce(sum(completed + failed + cancelled), 0)
                     FROM wave_progress p WHERE p.wave_no = w.wave_no)
