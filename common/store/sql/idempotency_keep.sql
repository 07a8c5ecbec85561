-- Keeps the answer for the same request to come; refuses where there is one already.
-- $1 hash of the key   $2 hash of the body   $3 status   $4 answer
WITH k AS (
    INSERT INTO idempotency AS i (key_hash, body_hash, status, answer)
    VALUES ($1::bytea, $2::bytea, $3::int, $4::text)
        ON CONFLICT (key_hash) DO UPDATE
       SET body_hash = excluded.body_hash, at = now(), status = excluded.status, answer = excluded.answer
     WHERE i.at <= now() - interval '24 hours'
    RETURNING key_hash)
SELECT CASE WHEN EXISTS (SELECT FROM k) THEN true
            ELSE refuse('WF4KE', 'a request with this Idempotency-Key has been answered already') END
