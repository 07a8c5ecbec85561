-- GET /api/migrations/:id, as JSON.
-- $1 migration id
SELECT json_build_object(
           'mapping', json_build_object(
               'id', m.id,
               'brz_project_id', m.brz_project_id,
               'mb_project_uuid', m.project,
               'brizy_project_domain', m.result ->> 'brizy_project_domain',
               'changes_json', coalesce(m.result, '{}'::jsonb),
               'cloning_enabled', w.cloning_enabled,
               'created_at', w.created_at,
               'updated_at', coalesce(m.updated_at, w.created_at)),
           'result', CASE WHEN m.result IS NOT NULL THEN json_build_object(
               'id', m.id,
               'migration_uuid', coalesce(m.result ->> 'migration_uuid', w.wave_id),
               'brz_project_id', m.brz_project_id,
               'mb_project_uuid', m.project,
               'result_json', m.result,
               'created_at', m.finished_at) END,
           'result_data', coalesce(m.result, '{}'::jsonb),
           'ref', 'm' || m.id,
           'mb_project_uuid', m.project,
           'brz_project_id', m.brz_project_id,
           'kind', w.kind,
           'status', CASE WHEN m.state IN ('blocked', 'pending') THEN 'pending'
                          WHEN m.state IN ('running', 'parked', 'retrying') THEN 'in_progress'
                          WHEN m.state = 'failed' THEN 'error' ELSE m.state::text END,
           'state', m.state,
           'error', m.error,
           'error_class', m.class,
           'attempts', m.attempt,
           'started_at', m.started_at,
           'completed_at', m.finished_at,
           'due_at', a.due_at,
           'mb_site_id', coalesce(m.result ->> 'mb_site_id', m.params ->> 'mb_site_id',
                                  w.params ->> 'mb_site_id',
                                  (SELECT value FROM settings WHERE key = 'mb_site_id')),
           'brizy_project_domain', m.result ->> 'brizy_project_domain',
           'mb_project_domain', m.result ->> 'mb_project_domain',
           'progress', coalesce(a.progress, m.result -> 'progress'),
           'warnings', CASE jsonb_typeof(m.result -> 'warnings')
                            WHEN 'array' THEN m.result -> 'warnings'
                            WHEN 'string' THEN jsonb_build_array(m.result -> 'warnings')
                            ELSE '[]'::jsonb END,
           'wave', json_build_object(
               'id', w.wave_id,
               'name', w.name,
               'status', CASE WHEN w.state IN ('planning', 'ready') THEN 'pending'
                              WHEN w.state = 'running' THEN 'in_progress' ELSE w.state::text END,
               'state', w.state,
               'workspace_id', w.workspace_id,
               'workspace_name', w.workspace_name,
               'batch_size', w.batch_size,
               'created_at', w.created_at,
               'completed_at', w.completed_at),
           'history', (SELECT coalesce(json_agg(json_build_object(
                                  'attempt', t.attempt, 'worker_id', t.worker_id,
                                  'started_at', t.started_at, 'finished_at', t.finished_at,
                                  'outcome', t.outcome, 'class', t.class, 'error', t.error)
                                  ORDER BY t.attempt), '[]'::json)
                         FROM (SELECT * FROM attempts WHERE migration_id = m.id
                                ORDER BY attempt DESC LIMIT 100) t))::text
  FROM migrations m
  JOIN waves w USING (wave_no)
  LEFT JOIN active a ON a.migration_id = m.id
 WHERE m.id = $1::bigint
