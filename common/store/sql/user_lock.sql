-- Before user_password and user_able: a login that is just being finished is seen by them, or sees them.
-- $1 text username
SELECT user_id FROM users WHERE username = $1::text FOR UPDATE
