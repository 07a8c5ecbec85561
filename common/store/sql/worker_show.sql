-- GET /api/workers/:id: a worker, alive or gone, and what it runs: the longest first, behind them what it
-- has claimed ahead.
-- $1 worker_id   $2 how many runs at most
SELECT json_build_object(
           'id', k.worker_id, 'name', k.name, 'host', k.host, 'pid', k.pid, 'queues', k.queues,
           'concurrency', k.concurrency, 'draining', k.draining,
           'drain_asked_by', k.drain_asked_by, 'protocol', k.protocol, 'version', k.version,
           'lease_ms', k.lease_ms, 'beat', k.beat, 'started_at', k.started_at,
           'alive', k.alive, 'ended_at', k.ended_at, 'end_reason', k.end_reason,
           'running', (SELECT count(*) FROM under_way a
                        WHERE a.worker_id = k.worker_id AND a.state = 'running'),
           'runs', (SELECT coalesce(json_agg(json_build_object(
                               'ref', 'm' || r.id, 'wave_id', w.wave_id, 'wave_name', w.name, 'kind', w.kind,
                               'mb_project_uuid', r.project, 'brz_project_id', r.brz_project_id,
                               'attempt', r.attempt, 'started_at', r.started_at, 'progress', r.progress,
                               'ending', r.ending) ORDER BY r.started_at, r.id), '[]'::json)
                      FROM (SELECT m.id, m.wave_no, m.project, m.brz_project_id, a.attempt, m.started_at,
                                   a.progress, a.cancel IS NOT NULL AS ending
                              FROM under_way a
                             CROSS JOIN LATERAL (SELECT * FROM migrations WHERE id = a.migration_id OFFSET 0) m
                             WHERE a.worker_id = k.worker_id AND a.state = 'running'
                             ORDER BY m.started_at, m.id LIMIT $2::int) r
                      JOIN waves w USING (wave_no)))::text
  FROM workers k
 WHERE k.worker_id = $1::bigint
