-- The other workers that count as alive, for whoever watches them; those that died lately, whose processing lists may
-- still get an id; and any dead one of which a claim is left, as where a release before 0.9.0 has marked it.
-- $1 worker_id
SELECT worker_id, beat, alive, boot_id, pid_ns, pid, pid_started, lease_ms, concurrency,
       array_to_string(queues, ',') AS queues,
       NOT alive AND worker_id = ANY (claiming) AS left_over
  FROM workers CROSS JOIN (SELECT ARRAY(SELECT worker_id FROM claims) AS claiming OFFSET 0) c
 WHERE worker_id <> $1::bigint
   AND (alive OR ended_at > now() - interval '10 minutes' OR worker_id = ANY (claiming))
