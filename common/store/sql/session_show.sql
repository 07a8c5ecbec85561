-- The user of a session that is not over. $1 bytea sha256 of the session's id
-- Columns as of login_done
SELECT to_char(s.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
       u.user_id, u.username, u.full_name, u.email, u.role
  FROM sessions s JOIN users u USING (user_id)
 WHERE s.session_hash = $1::bytea AND least(s.idle_until, s.expires_at) > now() AND u.disabled_at IS NULL
