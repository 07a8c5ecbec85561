-- A worker's row, with the smallest free slot (its shard of progress), which is no larger than the number of those
-- that are taken; worker_slots is locked. Its name is random: a process id is no identity. The session is the worker's
-- from here on (worker_session).
-- $1 name   $2 host   $3 boot_id   $4 pid_ns   $5 pid   $6 pid_started   $7 text[] queues
-- $8 concurrency   $9 version   $10 lease_ms   $11 protocol
INSERT INTO workers (name, slot, host, boot_id, pid_ns, pid, pid_started, queues, concurrency, version, lease_ms,
                     protocol)
SELECT $1::uuid,
       (SELECT n FROM generate_series(0, (SELECT count(*) FROM workers WHERE slot IS NOT NULL)) n
         WHERE NOT EXISTS (SELECT FROM workers w WHERE w.slot = n) ORDER BY n LIMIT 1),
       $2::text, $3::text, $4::text, $5::int, $6::bigint, $7::text[], $8::int, $9::text, $10::int,
       $11::int
RETURNING worker_id, slot, pg_advisory_lock_shared(1702, (worker_id % 2147483647)::int)
