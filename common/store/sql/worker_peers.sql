-- The other workers that count as alive, for whoever watches them; and those that died lately, whose
-- processing lists may still get an id.
-- $1 worker_id
SELECT worker_id, beat, alive, boot_id, pid_ns, pid, pid_started, lease_ms, concurrency,
       array_to_string(queues, ',') AS queues, draining
  FROM workers
 WHERE worker_id <> $1::bigint AND (alive OR ended_at > now() - interval '10 minutes')
