-- One migration with its attempts. Secrets are shown as masks.
-- $1 wave_id   $2 project
-- Answer: wave_no (no row: no such wave), JSON (null: no such migration).
SELECT w.wave_no,
       CASE WHEN m.id IS NOT NULL THEN json_build_object(
           'id', m.id, 'mb_project_uuid', m.project, 'brz_project_id', m.brz_project_id,
           'status', CASE WHEN m.state IN ('blocked', 'pending') THEN 'pending'
                          WHEN m.state IN ('running', 'parked', 'retrying') THEN 'in_progress'
                          WHEN m.state = 'failed' THEN 'error' ELSE m.state::text END,
           'state', m.state,
           'brizy_project_domain', m.result ->> 'brizy_project_domain',
           'error', m.error, 'class', m.class, 'completed_at', m.finished_at,
           'migration_uuid', coalesce(m.result ->> 'migration_uuid', w.wave_id),
           'migration_id', m.result ->> 'migration_id',
           'attempts', m.attempt, 'result_data', m.result,
           'wave_id', w.wave_id, 'kind', w.kind,
           'params', CASE WHEN m.params ? 'mb_secret'
                          THEN m.params || '{"mb_secret": "********"}' ELSE m.params END,
           'spent', m.spent, 'max_attempts', w.max_attempts, 'started_at', m.started_at,
           'updated_at', m.updated_at, 'worker_id', CASE WHEN m.state = 'running' THEN m.worker_id END, 'due_at', a.due_at,
           'polls', a.polls, 'progress', a.progress, 'cancel', a.cancel,
           'depends_on', (
               SELECT coalesce(json_agg(json_build_object('mb_project_uuid', o.project, 'state', o.state)
                                        ORDER BY o.id), '[]')
                 FROM dependencies d JOIN migrations o ON o.id = d.on_id
                WHERE w.has_dependencies AND d.migration_id = m.id),
           'history', (
               SELECT coalesce(json_agg(json_build_object(
                          'attempt', t.attempt, 'worker_id', t.worker_id, 'host', k.host, 'pid', k.pid,
                          'started_at', t.started_at, 'finished_at', t.finished_at,
                          'outcome', t.outcome, 'class', t.class, 'error', t.error)
                          ORDER BY t.attempt), '[]')
                 FROM attempts t LEFT JOIN workers k USING (worker_id)
                WHERE t.migration_id = m.id))::text END
  FROM waves w
  LEFT JOIN migrations m ON m.wave_no = w.wave_no AND m.project = $2::text
  LEFT JOIN active a ON a.migration_id = m.id
 WHERE w.wave_id = $1::text
