-- Who a token belongs to; notes its use, to the minute. No row: no such token, or revoked.
-- $1 bytea sha256 of the token
WITH found AS (
    SELECT token_id, name, role, last_used_at
      FROM tokens
     WHERE token_hash = $1::bytea AND revoked_at IS NULL
), used AS (
    UPDATE tokens t SET last_used_at = now()
      FROM found f
     WHERE t.token_id = f.token_id
       AND (f.last_used_at IS NULL OR f.last_used_at < now() - interval '1 minute')
)
SELECT name, role FROM found
