-- What genuine webhooks are held against, in their order; fails where a body is JSON that PostgreSQL cannot
-- hold. No row: there is no such migration.
-- $1 bigint[] migration ids   $2 text[] bodies
SELECT h.nth, m.wave_no, m.project, m.brz_project_id, m.state, m.attempt, m.memo::text,
       coalesce(m.params ->> 'mb_secret', w.params ->> 'mb_secret',
                (SELECT value FROM settings WHERE key = 'mb_secret')) AS secret
  FROM unnest($1::bigint[], $2::text[]) WITH ORDINALITY AS h (id, body, nth)
  JOIN migrations m USING (id)
  JOIN waves w USING (wave_no)
 WHERE h.body::jsonb IS NOT NULL
 ORDER BY h.nth
