-- What a wave needs to run, and what of it is there: for GET /api/waves/:id/readiness, which judges.
-- Projects that lack what neither the wave nor the settings have are looked for only where that is so, and
-- counted to a thousand.
-- $1 wave_id
-- Answer: JSON (no row: no such wave).
WITH w AS MATERIALIZED (SELECT * FROM waves WHERE wave_id = $1::text),
has AS MATERIALIZED (
    SELECT coalesce(w.params ->> 'mb_site_id', (SELECT value FROM settings WHERE key = 'mb_site_id')) IS NOT NULL AS site,
           coalesce(w.params ->> 'mb_secret', (SELECT value FROM settings WHERE key = 'mb_secret')) AS secret
      FROM w),
lacking AS (
    SELECT count(*) AS n
      FROM (SELECT FROM migrations m
             WHERE EXISTS (SELECT FROM w CROSS JOIN has
                            WHERE w.kind = 'remote' AND NOT (has.site AND has.secret IS NOT NULL))
               AND m.wave_no = (SELECT wave_no FROM w)
               AND m.state NOT IN ('completed', 'cancelled')
               AND NOT (((SELECT site FROM has) OR coalesce(m.params ? 'mb_site_id', false))
                        AND ((SELECT secret FROM has) IS NOT NULL OR coalesce(m.params ? 'mb_secret', false)))
             LIMIT 1000) l),
served AS (
    SELECT count(*) AS workers, coalesce(sum(k.concurrency) FILTER (WHERE NOT k.draining), 0) AS runners
      FROM workers k JOIN w ON w.queue = ANY (k.queues) WHERE k.alive)
SELECT json_build_object(
           'state', w.state, 'ended', w.completed_at IS NOT NULL, 'note', w.note, 'kind', w.kind,
           'queue', w.queue, 'batch_size', w.batch_size, 'total', w.total,
           'params', CASE WHEN w.params ? 'mb_secret'
                          THEN w.params || '{"mb_secret": "********"}' ELSE w.params END,
           'planned', w.planned, 'start_at', to_json(w.start_at), 'later', coalesce(w.start_at > now(), false),
           'canary', w.canary, 'canary_pending', w.gate_id IS NOT NULL,
           'workspace_id', w.workspace_id, 'workspace_name', w.workspace_name,
           'has_site', has.site, 'has_secret', has.secret IS NOT NULL,
           'sealed', coalesce(has.secret LIKE 'sealed:%', false), 'lacking', lacking.n,
           'workers', s.workers, 'runners', s.runners,
           'paused', (SELECT q.paused FROM queues q WHERE q.queue = w.queue),
           'paused_by', (SELECT q.changed_by FROM queues q WHERE q.queue = w.queue AND q.paused),
           'waits_for', (SELECT coalesce(json_agg(json_build_object('id', o.wave_id, 'name', o.name, 'state', o.state)
                                                  ORDER BY o.wave_no), '[]')
                           FROM wave_dependencies d JOIN waves o ON o.wave_no = d.on_wave_no
                          WHERE d.wave_no = w.wave_no AND o.state <> 'completed'))::text
  FROM w CROSS JOIN has CROSS JOIN lacking CROSS JOIN served s
