-- Takes one attempt to log in, counted before the password is looked at, so that many at once are not more
-- than many in a row. Past `free` attempts each waits twice as long as the one before; a quiet hour forgets.
-- $1 text[] keys, locked by login_lock   $2 int[] free attempts   $3 int[] longest wait in s   $4 text username
-- Columns: whether it was granted, else the seconds to wait; then the user, nulls where there is none:
-- id, hash of the password, whether disabled
WITH t AS MATERIALIZED (
    SELECT clock_timestamp() AS now
), k AS MATERIALIZED (
    SELECT k.*, a.blocked_until,
           CASE WHEN a.at > t.now - interval '1 hour' THEN a.attempts ELSE 0 END + 1 AS nth
      FROM t, unnest($1::text[], $2::int[], $3::int[]) AS k (key, free, cap_s)
      JOIN login_attempts a USING (key)
), b AS (
    -- fewer than the keys: login_lock saw that one is blocked, and its time is just over
    SELECT count(*) = cardinality($1::text[]) AND bool_and(blocked_until <= t.now) AS granted,
           greatest(1, ceil(extract(epoch FROM max(blocked_until) FILTER (WHERE blocked_until > t.now) - t.now))) AS wait_s
      FROM t LEFT JOIN k ON true
     GROUP BY t.now
), taken AS (
    UPDATE login_attempts a
       SET attempts = k.nth, at = t.now,
           blocked_until = t.now + interval '1 second'
               * CASE WHEN k.nth < k.free THEN 0 ELSE least(k.cap_s, power(2, least(k.nth - k.free, 30))) END
      FROM k, b, t
     WHERE a.key = k.key AND b.granted
)
SELECT b.granted, b.wait_s::int, u.user_id, u.password_hash, u.disabled_at IS NOT NULL
  FROM b LEFT JOIN users u ON u.username = $4::text
