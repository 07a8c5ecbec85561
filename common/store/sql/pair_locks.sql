-- Before a claim with migrations of the kind remote: one at a time for each pair of source and target,
-- so that two waves cannot start the same one at the same instant. Ascending, until the commit.
-- $1 bigint[] ids
SELECT pg_advisory_xact_lock(k)
  FROM (SELECT DISTINCT hashtextextended(m.project, m.brz_project_id) AS k
          FROM migrations m JOIN waves w USING (wave_no)
         WHERE m.id = ANY ($1::bigint[]) AND m.brz_project_id IS NOT NULL AND w.kind = 'remote'
         ORDER BY 1) pairs
