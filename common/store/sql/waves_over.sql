-- Of these waves, those that are over or do not exist: their keys go.
-- $1 bigint[] wave_nos
SELECT g.wave_no, coalesce(w.version, 2147483647) AS version, coalesce(w.state::text, 'stopped') AS state,
       coalesce(w.batch_size, 1) AS batch_size, coalesce(w.priority, 0) AS priority,
       coalesce(w.queue, 'default') AS queue
  FROM unnest($1::bigint[]) g (wave_no) LEFT JOIN waves w USING (wave_no)
 WHERE w.wave_no IS NULL OR w.completed_at IS NOT NULL
