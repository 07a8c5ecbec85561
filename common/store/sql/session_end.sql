-- $1 bytea sha256 of the session's id. A row: whose it was.
DELETE FROM sessions s USING users u
 WHERE s.session_hash = $1::bytea AND u.user_id = s.user_id
RETURNING u.username
