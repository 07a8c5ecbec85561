-- GET /api/workers: those alive, and what each runs.
SELECT coalesce(json_agg(json_build_object(
           'id', k.worker_id, 'name', k.name, 'host', k.host, 'pid', k.pid, 'queues', k.queues,
           'concurrency', k.concurrency, 'draining', k.draining,
           'drain_asked_by', k.drain_asked_by, 'protocol', k.protocol, 'version', k.version,
           'lease_ms', k.lease_ms, 'beat', k.beat, 'started_at', k.started_at,
           'running', r.n, 'runs', r.runs) ORDER BY k.worker_id DESC), '[]'::json)::text, count(*)
  FROM workers k
 CROSS JOIN LATERAL (
       SELECT count(*) AS n,
              coalesce(json_agg(json_build_object(
                  'ref', 'm' || m.id, 'wave_id', w.wave_id, 'mb_project_uuid', m.project,
                  'brz_project_id', m.brz_project_id, 'attempt', a.attempt,
                  'started_at', m.started_at, 'progress', a.progress, 'ending', a.cancel IS NOT NULL)
                  ORDER BY m.started_at), '[]'::json) AS runs
         FROM active a
         JOIN migrations m ON m.id = a.migration_id
         JOIN waves w ON w.wave_no = a.wave_no
        WHERE a.worker_id = k.worker_id AND a.state = 'running') r
 WHERE k.alive
