-- Another password, and the sessions under the old one are over. No row: there is no such user.
-- $1 text username   $2 text hash of the password
-- Column: how many sessions ended
WITH u AS (
    UPDATE users SET password_hash = $2::text, password_changed_at = now() WHERE username = $1::text RETURNING user_id
), ended AS (
    DELETE FROM sessions s USING u WHERE s.user_id = u.user_id RETURNING 1
)
SELECT (SELECT count(*) FROM ended) FROM u
