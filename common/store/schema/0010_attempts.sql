-- An attempt that has completed its migration is told by the migration's own row: its number, worker and times stand there,
-- and stay until somebody takes the migration back, who writes the attempt then. So a settlement writes each row
-- once, not twice.
LOCK TABLE attempts_kept IN ACCESS EXCLUSIVE MODE;
DROP VIEW attempts_kept;
ALTER TABLE attempts RENAME TO attempts_kept;

CREATE VIEW attempts AS
SELECT migration_id, attempt, worker_id, started_at, finished_at, outcome, class, error FROM attempts_kept
UNION ALL
SELECT m.id, m.attempt, m.worker_id, m.started_at, m.finished_at, 'completed', NULL, NULL
  FROM migrations m
 WHERE m.state = 'completed'
   AND NOT EXISTS (SELECT FROM attempts_kept k WHERE k.migration_id = m.id AND k.attempt = m.attempt);

-- who was allowed to read the table may read the view
DO $$
DECLARE
    r record;
BEGIN
    FOR r IN SELECT CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END AS name
               FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) g
              WHERE c.oid = 'attempts_kept'::regclass AND g.privilege_type = 'SELECT' AND g.grantee <> c.relowner LOOP
        EXECUTE format('GRANT SELECT ON attempts TO %s', r.name);
    END LOOP;
END $$;
