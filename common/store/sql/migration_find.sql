-- The migration that a path names, and what its handler decides by.
-- $1 migration id; 0: the newest of the target   $2 brz_project_id
-- secret: sealed, the one that its start carries (project, wave, settings)
SELECT m.id, m.wave_no, w.wave_id, w.kind, m.state, m.attempt, m.project, m.brz_project_id,
       m.memo::text, (extract(epoch FROM m.started_at) * 1000)::bigint AS started_ms,
       coalesce(m.params ->> 'mb_secret', w.params ->> 'mb_secret',
                (SELECT value FROM settings WHERE key = 'mb_secret')) AS secret
  FROM migrations m JOIN waves w USING (wave_no)
 WHERE m.id = CASE WHEN $1::bigint <> 0 THEN $1::bigint
                   ELSE (SELECT n.id FROM migrations n WHERE n.brz_project_id = $2::bigint
                          ORDER BY n.id DESC LIMIT 1) END
