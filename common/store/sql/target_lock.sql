-- Before a target is learnt: the same lock that claims take for a pair of source and target.
-- $1 migration id   $2 brz_project_id
SELECT pg_advisory_xact_lock(hashtextextended(project, $2::bigint)) FROM migrations WHERE id = $1::bigint
