-- $1 text[] keys   $2 text[] values, secrets sealed
INSERT INTO settings AS s (key, value)
SELECT key, value FROM unnest($1::text[], $2::text[]) AS n (key, value)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = now()
 WHERE s.value <> excluded.value
