-- No row: the name is taken.
-- $1 text name   $2 text role   $3 bytea sha256 of the token
INSERT INTO tokens (name, role, token_hash)
VALUES ($1::text, $2::text, $3::bytea)
ON CONFLICT (name) DO NOTHING
RETURNING token_id
