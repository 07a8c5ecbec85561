-- What runs under a worker's name, and what people asked to be ended.
-- $1 worker_id
SELECT migration_id, attempt, cancel, cancel_note FROM under_way
 WHERE worker_id = $1::bigint AND state = 'running'
