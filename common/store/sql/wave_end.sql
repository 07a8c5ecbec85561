-- Ends the waves that have no row left that is not terminal; wave_lock has locked them. Cancelled rows
-- without failed ones end as completed; a stopped wave stays stopped. Each run ends once.
-- $1 bigint[] wave_nos
WITH sums AS (
    SELECT wave_no, sum(completed) AS completed, sum(failed) AS failed, sum(cancelled) AS cancelled
      FROM wave_progress WHERE wave_no = ANY ($1::bigint[]) GROUP BY wave_no),
e AS (
    UPDATE waves w
       SET state = CASE WHEN w.state = 'stopped' THEN 'stopped'
                        WHEN s.failed > 0 THEN 'error' ELSE 'completed' END::wave_state,
           version = w.version + 1, completed_at = now(), updated_at = now(), note = NULL
      FROM sums s
     WHERE s.wave_no = w.wave_no AND w.completed_at IS NULL
       AND w.state IN ('running', 'paused', 'stopped')
       AND w.total <= s.completed + s.failed + s.cancelled
    RETURNING w.wave_no, w.wave_id, w.state, w.version, w.batch_size, w.priority, w.queue,
              s.completed, s.failed, s.cancelled),
l AS (
    INSERT INTO wave_logs (wave_no, line)
    SELECT wave_no, format('ended as %s: %s completed, %s failed, %s cancelled',
                           state, completed, failed, cancelled) FROM e)
SELECT wave_no, wave_id, state, version, batch_size, priority, queue, completed, failed, cancelled FROM e
