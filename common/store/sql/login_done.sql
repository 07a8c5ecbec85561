-- The password was right: opens a session and forgets the attempts of the name; of those of the address it
-- takes back its own only, so that who knows one password cannot go on guessing others. Of a user's sessions
-- the newest 50 stay. No row: the user was disabled, or the password changed, meanwhile.
-- $1 user_id   $2 hash of the password that was right   $3 bytea sha256 of the session's id
-- $4 idle time in ms   $5 longest time in ms   $6 text key of the name   $7 text key of the address
-- Columns: expires_at (RFC 3339), user_id, username, full_name, email, role
WITH u AS (
    UPDATE users SET last_login_at = now()
     WHERE user_id = $1::bigint AND password_hash = $2::text AND disabled_at IS NULL
    RETURNING *
), made AS (
    INSERT INTO sessions (session_hash, user_id, idle_until, expires_at)
    SELECT $3::bytea, u.user_id, now() + $4::bigint * interval '1 millisecond',
           now() + $5::bigint * interval '1 millisecond'
      FROM u
    RETURNING expires_at
), surplus AS (
    DELETE FROM sessions WHERE session_hash IN (
        SELECT s.session_hash FROM sessions s JOIN u USING (user_id) ORDER BY s.created_at DESC OFFSET 49)
), name AS (
    DELETE FROM login_attempts USING u WHERE key = $6::text
), address AS (
    UPDATE login_attempts SET attempts = greatest(attempts - 1, 0), blocked_until = '-infinity'
      FROM u WHERE key = $7::text
)
SELECT to_char(made.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
       u.user_id, u.username, u.full_name, u.email, u.role
  FROM u, made
