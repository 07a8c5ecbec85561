-- Last statement of reaping: a worker that is dead leads no more. Its session is ended, which a process that
-- stands still, or a host that is cut off, would keep open with the lock in it.
-- $1 worker_id
SELECT pg_terminate_backend(l.pid)
  FROM pg_locks l
  JOIN pg_stat_activity s USING (pid)
 WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 AND l.classid = 1702
   AND l.objid = ($1::bigint % 2147483647)::oid AND s.datname = current_database() AND s.usename = current_user
   AND NOT EXISTS (SELECT FROM workers w WHERE w.worker_id = $1::bigint AND w.alive)
