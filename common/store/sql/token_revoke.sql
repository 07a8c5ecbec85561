-- One row if there is such a token: whether it was revoked before. No row: there is none.
-- $1 text name
WITH found AS (
    SELECT token_id, revoked_at IS NOT NULL AS before FROM tokens WHERE name = $1::text FOR UPDATE
), done AS (
    UPDATE tokens t SET revoked_at = now()
      FROM found f
     WHERE t.token_id = f.token_id AND NOT f.before
)
SELECT before FROM found
