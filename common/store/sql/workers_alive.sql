-- $1 bigint[] worker ids: those of them that are alive
SELECT worker_id FROM workers WHERE worker_id = ANY ($1::bigint[]) AND alive
