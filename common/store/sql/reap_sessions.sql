-- First statement of reaping: ends the sessions of a worker that has not renewed for a whole lease, which has
-- given itself up long ago if it can. A process that stands still, or a host that is cut off, would keep them
-- open, and in them the lock of the leader and what a transaction that was sent by half had locked.
-- $1 worker_id   $2 beat that was seen; -1: any   $3 reason; former: the sessions are our own
SELECT pg_terminate_backend(l.pid)
  FROM pg_locks l
  JOIN pg_stat_activity s USING (pid)
 WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 AND l.classid = 1702
   AND l.objid = ($1::bigint % 2147483647)::oid AND s.datname = current_database() AND s.usename = current_user
   AND l.pid <> pg_backend_pid() AND $3::text <> 'former'
   AND EXISTS (SELECT FROM workers w
                WHERE w.worker_id = $1::bigint AND w.alive AND (w.beat = $2::bigint OR $2::bigint = -1))
