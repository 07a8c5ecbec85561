-- GET /api/migrations/:id/webhook-info, as JSON.
-- $1 migration id   $2 the webhook's address, its token hidden
-- $3 what the migration server says of its status, JSON, or null
SELECT json_build_object(
           'webhook_url', $2::text,
           'webhook_registered', w.kind = 'remote'
               AND coalesce(m.memo ->> 'start' IN ('sent', 'ambiguous', 'accepted', 'ended'), false),
           'webhook_received', h.n > 0,
           'webhook_received_at', h.last_at,
           'webhook_params', json_build_object('webhook_mb_project_uuid', m.project,
                                               'webhook_brz_project_id', m.brz_project_id),
           'webhook_logs', h.logs,
           'server_status', $3::jsonb,
           'migration_status', CASE WHEN m.state IN ('blocked', 'pending') THEN 'pending'
                                    WHEN m.state IN ('running', 'parked', 'retrying') THEN 'in_progress'
                                    WHEN m.state = 'failed' THEN 'error' ELSE m.state::text END,
           'last_result', m.result)::text
  FROM migrations m
  JOIN waves w USING (wave_no)
 CROSS JOIN LATERAL (
       SELECT count(*) AS n, max(l.at) AS last_at,
              coalesce(json_agg(json_build_object('id', l.id, 'at', l.at, 'attempt', l.attempt,
                                                  'verdict', l.verdict, 'body', l.body)
                                ORDER BY l.id), '[]'::json) AS logs
         FROM (SELECT * FROM webhooks WHERE migration_id = m.id ORDER BY id DESC LIMIT 100) l) h
 WHERE m.id = $1::bigint
