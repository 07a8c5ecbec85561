-- No row: there is no such user. $1 text username   $2 text role
UPDATE users SET role = $2::text WHERE username = $1::text RETURNING user_id
