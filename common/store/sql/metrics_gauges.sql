-- What is there now, as rows (gauge, label, value): 'queue' for each queue that is served or has an
-- open wave (value 0: its depth is Redis' to say), 'migrations' by state, 'waves' that have not
-- ended by state, 'workers' alive.
SELECT 'queue', queue, 0::bigint
  FROM (SELECT queue FROM waves WHERE completed_at IS NULL
         UNION SELECT unnest(queues) FROM workers WHERE alive) q
UNION ALL
SELECT 'migrations', s.state::text, count(a.migration_id)
  FROM unnest('{running,parked,retrying}'::migration_state[]) s(state)
  LEFT JOIN under_way a ON a.state = s.state
 GROUP BY s.state
UNION ALL
SELECT 'migrations', 'dead', count(*) FROM dead WHERE discarded_at IS NULL
UNION ALL
SELECT 'waves', s.state::text, count(w.wave_no)
  FROM unnest('{planning,ready,running,paused}'::wave_state[]) s(state)
  LEFT JOIN waves w ON w.state = s.state AND w.completed_at IS NULL
 GROUP BY s.state
UNION ALL
SELECT 'workers', '', count(*) FROM workers WHERE alive
