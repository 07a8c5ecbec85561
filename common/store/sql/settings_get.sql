-- $1 text[] keys
SELECT key, value FROM settings WHERE key = ANY ($1::text[])
