-- No row: a user or a token has that name already; acts are noted by it.
-- $1 text username, in small letters   $2 text role   $3 text full name   $4 text email   $5 text hash of the password
INSERT INTO users (username, role, full_name, email, password_hash)
SELECT $1::text, $2::text, $3::text, $4::text, $5::text
 WHERE NOT EXISTS (SELECT FROM tokens WHERE name = $1::text)
    ON CONFLICT (username) DO NOTHING
RETURNING user_id
