-- The answer to an earlier request with this key.
-- $1 hash of the key   $2 hash of the body
SELECT status, answer, body_hash = $2::bytea AS same FROM idempotency
 WHERE key_hash = $1::bytea AND at > now() - interval '24 hours'
