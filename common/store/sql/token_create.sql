-- No row: the name is taken, by a token or by a user.
-- $1 text name   $2 text role   $3 bytea sha256 of the token
INSERT INTO tokens (name, role, token_hash)
SELECT $1::text, $2::text, $3::bytea
 WHERE NOT EXISTS (SELECT FROM users WHERE username = lower($1::text))
    ON CONFLICT (name) DO NOTHING
RETURNING token_id
