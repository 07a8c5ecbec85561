-- Disables a user, whose sessions are over then, or enables one. No row: there is no such user.
-- $1 text username   $2 boolean: may log in
-- Column: whether it changed
WITH old AS (
    SELECT user_id, disabled_at IS NULL AS able FROM users WHERE username = $1::text FOR UPDATE
), u AS (
    UPDATE users u SET disabled_at = CASE WHEN $2::boolean THEN NULL ELSE now() END
      FROM old WHERE u.user_id = old.user_id AND old.able <> $2::boolean
), ended AS (
    DELETE FROM sessions s USING old WHERE s.user_id = old.user_id AND NOT $2::boolean
)
SELECT able <> $2::boolean FROM old
