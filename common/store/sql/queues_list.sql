-- The queues that somebody serves, that open waves use, or that are paused.
WITH served AS (
    SELECT q AS name, count(*) AS workers, sum(k.concurrency) FILTER (WHERE NOT k.draining) AS runners
      FROM workers k CROSS JOIN unnest(k.queues) q WHERE k.alive GROUP BY q)
SELECT name, coalesce(s.workers, 0) AS workers, coalesce(s.runners, 0) AS runners,
       coalesce(q.paused, false) AS paused, q.changed_by, to_json(q.changed_at) #>> '{}' AS changed_at
  FROM (SELECT name FROM served
         UNION SELECT queue FROM waves WHERE completed_at IS NULL
         UNION SELECT queue FROM queues WHERE paused) n
  LEFT JOIN served s USING (name)
  LEFT JOIN queues q ON q.queue = n.name
 ORDER BY name COLLATE "C" LIMIT 1000
