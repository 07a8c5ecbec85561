-- First statement of a request with an Idempotency-Key: refuses while another one with it is under
-- way. Held until the end of the transaction.
-- $1 lock (from the hash of the key)
SELECT CASE WHEN pg_try_advisory_xact_lock($1::bigint) THEN true
            ELSE refuse('WF4KE', 'the first request with this Idempotency-Key is still under way') END
