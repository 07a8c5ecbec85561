-- What rows are now, for deliveries that must be ended: refused settlements, due entries, the lists of
-- the dead. It answers for every id; state is null where there is no such migration, and
-- blocked also where it waits behind a canary.
-- $1 bigint[] ids
SELECT g.id, m.wave_no,
       CASE WHEN m.state IN ('pending', 'retrying') AND m.id >= w.gate_id THEN 'blocked' ELSE m.state END AS state, m.attempt, m.worker_id,
       CASE WHEN m.updated_at > now() + interval '1 minute' THEN 0 -- the clock was set back
            ELSE coalesce(greatest(0, ceil(extract(epoch FROM a.due_at - now()) * 1000)), 0)
       END::bigint AS due_in_ms,
       w.version, w.state AS wave_state, w.batch_size, w.priority, w.queue,
       (w.completed_at IS NOT NULL) AS ended
  FROM (SELECT DISTINCT id FROM unnest($1::bigint[]) id) g
  LEFT JOIN migrations m USING (id)
  LEFT JOIN waves w USING (wave_no)
  LEFT JOIN active a ON a.migration_id = m.id
