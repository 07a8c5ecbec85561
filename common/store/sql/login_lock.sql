-- Before login_take, in the same transaction: attempts of one name or address go one after the other.
-- $1 text[] keys
INSERT INTO login_attempts AS a (key, attempts, blocked_until, at)
SELECT key, 0, '-infinity', now() FROM unnest($1::text[]) AS k (key) ORDER BY key
    ON CONFLICT (key) DO UPDATE SET key = excluded.key
