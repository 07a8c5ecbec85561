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
           'created_by', w.created_by, 'planned', w.planned, 'start_at', w.start_at,
           'deadline_at', w.deadline_at, 'canary', w.canary, 'canary_pending', w.gate_id IS NOT NULL,
           'max_failures', coalesce(to_json(w.max_failures), to_json(w.max_failures_percent || '%')),
           'depends_on', (SELECT coalesce(json_agg(o.wave_id ORDER BY o.wave_no), '[]')
                            FROM wave_dependencies d JOIN waves o ON o.wave_no = d.on_wave_no
                           WHERE d.wave_no = w.wave_no))::text
  FROM waves w
 CROSS JOIN LATERAL (
       SELECT coalesce(sum(completed), 0) AS completed, coalesce(sum(failed), 0) AS failed,
              coalesce(sum(cancelled), 0) AS cancelled,
              coalesce(sum(claimed - released), 0) AS in_flight
         FROM wave_progress p WHERE p.wave_no = w.wave_no) p
 WHERE w.wave_id = $1::text
