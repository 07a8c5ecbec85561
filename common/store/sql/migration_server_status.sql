-- GET /api/migrations/:id/status-from-server: the server's answer as it came, and ours beside it.
-- $1 migration id   $2 its answer, JSON object, or null   $3 its word for the status
-- $4 what the answer means for this migration
SELECT (coalesce($2::jsonb, '{}'::jsonb) || jsonb_build_object(
           'mb_project_uuid', m.project,
           'brz_project_id', m.brz_project_id,
           'status', $3::text,
           'verdict', $4::text,
           'server_status', $2::jsonb,
           'migration_status', CASE WHEN m.state IN ('blocked', 'pending') THEN 'pending'
                                    WHEN m.state IN ('running', 'parked', 'retrying') THEN 'in_progress'
                                    WHEN m.state = 'failed' THEN 'error' ELSE m.state::text END))::text
  FROM migrations m
 WHERE m.id = $1::bigint
