-- Before login_take, in the same transaction: attempts of one name or address go one after the other. One that
-- is refused for certain takes no lock and leaves no row, however many there are.
-- $1 text[] keys
INSERT INTO login_attempts AS a (key, attempts, blocked_until, at)
SELECT key, 0, '-infinity', now()
  FROM unnest($1::text[]) AS k (key)
 WHERE NOT EXISTS (SELECT FROM login_attempts b WHERE b.key = ANY ($1::text[]) AND b.blocked_until > clock_timestamp())
 ORDER BY key
    ON CONFLICT (key) DO UPDATE SET key = excluded.key
