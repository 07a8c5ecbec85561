-- What a genuine webhook is held against; fails where its body is JSON that PostgreSQL cannot hold.
-- $1 migration id   $2 body
SELECT m.wave_no, m.project, m.brz_project_id, m.state, m.attempt, m.memo::text,
       coalesce(m.params ->> 'mb_secret', w.params ->> 'mb_secret',
                (SELECT value FROM settings WHERE key = 'mb_secret')) AS secret
  FROM migrations m JOIN waves w USING (wave_no)
 WHERE m.id = $1::bigint AND $2::jsonb IS NOT NULL
