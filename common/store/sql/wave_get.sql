-- One wave, whole, as JSON. A secret is shown as a mask.
-- $1 wave_id
SELECT json_build_object(
           'id', w.wave_id, 'name', w.name,
           'workspace_id', w.workspace_id, 'workspace_name', w.workspace_name,
           'status', CASE w.state WHEN 'planning' THEN 'pending' WHEN 'ready' THEN 'pending'
                                  WHEN 'running' THEN 'in_progress' ELSE w.state::text END,
           'state', w.state, 'note', w.note,
           'progress', json_build_object('total', w.total, 'completed', p.completed, 'failed', p.failed),
           'cancelled', p.cancelled, 'in_flight', p.in_flight,
           'created_at', w.created_at, 'updated_at', w.updated_at, 'completed_at', w.completed_at,
           'batch_size', w.batch_size, 'mgr_manual', w.mgr_manual, 'enable_cloning', w.cloning_enabled,
           'kind', w.kind,
           'params', CASE WHEN w.params ? 'mb_secret'
                          THEN w.params || '{"mb_secret": "********"}' ELSE w.params END,
           'queue', w.queue, 'priority', w.priority, 'max_attempts', w.max_attempts,
           'timeout_seconds', w.timeout_ms / 1000, 'run_no', w.run_no,
           'created_by', w.created_by)::text
  FROM waves w
 CROSS JOIN LATERAL (
       SELECT coalesce(sum(completed), 0) AS completed, coalesce(sum(failed), 0) AS failed,
              coalesce(sum(cancelled), 0) AS cancelled,
              coalesce(sum(claimed - released), 0) AS in_flight
         FROM wave_progress p WHERE p.wave_no = w.wave_no) p
 WHERE w.wave_id = $1::text
