-- GET /api/migrations/:id/process, the whole answer, with what the migration server said (null where
-- it was not asked or did not answer).
-- $1 migration id   $2 its answer, JSON   $3 its word for the status   $4 its progress, JSON
-- $5 its stage      $6 what there is to say, a sentence
WITH p AS (
    SELECT json_build_object(
               'source', CASE WHEN $3::text IS NULL THEN 'database' ELSE 'migration_server' END,
               'lock_file_exists', m.state IN ('running', 'parked'),
               'process', json_build_object(
                   'running', m.state IN ('running', 'parked'),
                   'status', CASE WHEN m.state IN ('blocked', 'pending') THEN 'pending'
                                  WHEN m.state IN ('running', 'parked', 'retrying') THEN 'in_progress'
                                  WHEN m.state = 'failed' THEN 'error' ELSE m.state::text END,
                   'state', m.state,
                   'progress', coalesce($4::jsonb, a.progress),
                   'started_at', m.started_at,
                   'updated_at', coalesce(m.updated_at, w.created_at),
                   'current_stage', coalesce($5::text, a.progress ->> 'stage'),
                   'message', coalesce(m.error, $6::text)),
               'server_status', CASE WHEN $3::text IS NOT NULL
                                     THEN coalesce($2::jsonb, '{}'::jsonb)
                                          || jsonb_build_object('status', $3::text) END
           ) AS data
      FROM migrations m
      JOIN waves w USING (wave_no)
      LEFT JOIN active a ON a.migration_id = m.id
     WHERE m.id = $1::bigint)
SELECT (jsonb_build_object('success', true, 'data', data) || data::jsonb)::text FROM p
