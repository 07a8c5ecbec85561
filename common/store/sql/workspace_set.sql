-- A body has found or made the workspace of its wave; the first word stands.
-- $1 migration id   $2 workspace_id   $3 workspace_name
UPDATE waves w SET workspace_id = $2::bigint, workspace_name = coalesce(w.workspace_name, $3::text)
  FROM migrations m
 WHERE m.id = $1::bigint AND w.wave_no = m.wave_no AND w.workspace_id IS NULL
