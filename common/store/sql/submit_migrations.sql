-- The migrations of a wave that submit_wave has just made, in their order.
-- $1 wave_id   $2 text[] projects
-- $3 bigint[] brz_project_ids, 0: none   $4 text[] params (JSON); both may be empty: none has one
INSERT INTO migrations (id, wave_no, project, brz_project_id, params)
SELECT w.first_id + p.n - 1, w.wave_no, p.project, nullif(p.target, 0), p.params::jsonb
  FROM waves w,
       unnest($2::text[], $3::bigint[], $4::text[]) WITH ORDINALITY p (project, target, params, n)
 WHERE w.wave_id = $1::text
