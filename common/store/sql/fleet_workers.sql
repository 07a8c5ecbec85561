-- GET /api/workers: those alive, and what each runs: the longest first.
-- $1 how many runs of each at most
SELECT coalesce(json_agg(json_build_object(
           'id', k.worker_id, 'name', k.name, 'host', k.host, 'pid', k.pid, 'queues', k.queues,
           'concurrency', k.concurrency, 'draining', k.draining,
           'drain_asked_by', k.drain_asked_by, 'protocol', k.protocol, 'version', k.version,
           'lease_ms', k.lease_ms, 'beat', k.beat, 'started_at', k.started_at,
           'running', (SELECT count(*) FROM under_way a
                        WHERE a.worker_id = k.worker_id AND a.state = 'running'),
           'runs', r.runs) ORDER BY k.worker_id DESC), '[]'::json)::text, count(*)
  FROM workers k
 CROSS JOIN LATERAL (
       SELECT coalesce(json_agg(json_build_object(
                  'ref', 'm' || t.id, 'wave_id', w.wave_id, 'mb_project_uuid', t.project,
                  'brz_project_id', t.brz_project_id, 'attempt', t.attempt,
                  'started_at', t.started_at, 'progress', t.progress, 'ending', t.ending)
                  ORDER BY t.started_at, t.id), '[]'::json) AS runs
         FROM (SELECT m.id, m.wave_no, m.project, m.brz_project_id, a.attempt, m.started_at, a.progress,
                      a.cancel IS NOT NULL AS ending
                 FROM under_way a
                CROSS JOIN LATERAL (SELECT * FROM migrations WHERE id = a.migration_id OFFSET 0) m
                WHERE a.worker_id = k.worker_id AND a.state = 'running'
                ORDER BY m.started_at, m.id LIMIT $1::int) t
         JOIN waves w USING (wave_no)) r
 WHERE k.alive
