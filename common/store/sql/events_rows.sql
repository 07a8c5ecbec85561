-- What migrations are now that an act changed.
-- $1 bigint[] ids
SELECT id, state, attempt FROM migrations WHERE id = ANY ($1::bigint[]) ORDER BY id
