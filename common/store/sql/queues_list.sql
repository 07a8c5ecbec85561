-- The queues that somebody serves or that open waves use.
WITH served AS (
    SELECT q AS name, count(*) AS workers, sum(k.concurrency) FILTER (WHERE NOT k.draining) AS runners
      FROM workers k CROSS JOIN unnest(k.queues) q WHERE k.alive GROUP BY q)
SELECT name, coalesce(s.workers, 0) AS workers, coalesce(s.runners, 0) AS runners
  FROM (SELECT name FROM served UNION SELECT queue FROM waves WHERE completed_at IS NULL) n
  LEFT JOIN served s USING (name)
 ORDER BY name COLLATE "C" LIMIT 1000
