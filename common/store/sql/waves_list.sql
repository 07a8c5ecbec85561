-- Waves, newest first, with their progress. Those of states that no wave ends in are found by the index of
-- what is open, however many have ended since.
-- $1 text[] states (null: all)   $2 wave_no before which they stand   $3 how many at most
-- Answer: JSON array, how many, the last one's wave_no.
SELECT coalesce(json_agg(x.wave ORDER BY x.wave_no DESC), '[]')::text, count(*), min(x.wave_no)
  FROM (SELECT w.wave_no, json_build_object(
                   'id', w.wave_id, 'name', w.name,
                   'workspace_id', w.workspace_id, 'workspace_name', w.workspace_name,
                   'status', CASE w.state WHEN 'planning' THEN 'pending' WHEN 'ready' THEN 'pending'
                                          WHEN 'running' THEN 'in_progress' ELSE w.state::text END,
                   'state', w.state, 'kind', w.kind, 'queue', w.queue, 'batch_size', w.batch_size,
                   'progress', json_build_object('total', w.total, 'completed', p.completed,
                                                 'failed', p.failed),
                   'cancelled', p.cancelled, 'note', w.note,
                   'created_at', w.created_at, 'updated_at', w.updated_at,
                   'completed_at', w.completed_at) AS wave
          FROM ((SELECT * FROM waves
                  WHERE $1::text[] <@ '{planning,ready,running,paused}' AND completed_at IS NULL
                    AND wave_no < $2::bigint AND state = ANY ($1::text[]::wave_state[])
                  ORDER BY wave_no DESC LIMIT $3::int)
                UNION ALL
                (SELECT * FROM waves
                  WHERE coalesce(NOT $1::text[] <@ '{planning,ready,running,paused}', true)
                    AND wave_no < $2::bigint
                    AND ($1::text[] IS NULL OR state = ANY ($1::text[]::wave_state[]))
                  ORDER BY wave_no DESC LIMIT $3::int)) w
         CROSS JOIN LATERAL (
               SELECT coalesce(sum(completed), 0) AS completed, coalesce(sum(failed), 0) AS failed,
                      coalesce(sum(cancelled), 0) AS cancelled
                 FROM wave_progress p WHERE p.wave_no = w.wave_no) p) x
