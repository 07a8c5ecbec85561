-- GET /api/logs/recent: the newest log lines of all migrations, newest first.
-- $1 how many
SELECT coalesce(json_agg(json_build_object(
           'id', l.id, 'at', l.at, 'wave_id', w.wave_id, 'ref', 'm' || l.migration_id,
           'mb_project_uuid', m.project, 'brz_project_id', m.brz_project_id,
           'attempt', l.attempt, 'stream', l.stream, 'line', l.line) ORDER BY l.id DESC),
       '[]'::json)::text, count(*)
  FROM (SELECT * FROM migration_logs ORDER BY id DESC LIMIT $1::int) l
  LEFT JOIN migrations m ON m.id = l.migration_id
  LEFT JOIN waves w USING (wave_no)
