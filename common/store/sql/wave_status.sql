-- How far waves are: made to be polled.
-- $1 text[] wave_ids
-- Answer: JSON, a row for each, in their order; null: there is no such wave.
SELECT (SELECT json_build_object(
                   'status', CASE w.state WHEN 'planning' THEN 'pending' WHEN 'ready' THEN 'pending'
                                          WHEN 'running' THEN 'in_progress' ELSE w.state::text END,
                   'state', w.state,
                   'progress', json_build_object('total', w.total, 'completed', p.completed,
                                                 'failed', p.failed),
                   'cancelled', p.cancelled)::text
          FROM waves w
         CROSS JOIN LATERAL (
               SELECT coalesce(sum(completed), 0) AS completed, coalesce(sum(failed), 0) AS failed,
                      coalesce(sum(cancelled), 0) AS cancelled
                 FROM wave_progress p WHERE p.wave_no = w.wave_no) p
         WHERE w.wave_id = asked.wave_id)
  FROM unnest($1::text[]) WITH ORDINALITY AS asked (wave_id, n)
 ORDER BY n
