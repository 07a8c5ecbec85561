-- Whose session it is; notes that somebody was there, once in a tenth of the idle time or a minute.
-- No row: there is none, it is over, or its user is disabled.
-- $1 bytea sha256 of the session's id   $2 idle time in ms
-- Columns: username, role, milliseconds until it is over
WITH found AS (
    SELECT s.session_hash, s.idle_until, s.expires_at, u.username, u.role
      FROM sessions s JOIN users u USING (user_id)
     WHERE s.session_hash = $1::bytea AND least(s.idle_until, s.expires_at) > now() AND u.disabled_at IS NULL
), idle AS (
    SELECT $2::bigint * interval '1 millisecond' AS whole
), seen AS (
    UPDATE sessions s SET idle_until = now() + idle.whole
      FROM found f, idle
     WHERE s.session_hash = f.session_hash
       AND f.idle_until < now() + idle.whole - least(idle.whole / 10, interval '1 minute')
)
SELECT username, role, (extract(epoch FROM least(idle_until, expires_at) - now()) * 1000)::bigint FROM found
