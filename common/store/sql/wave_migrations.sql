-- Migrations of a wave in the order in which they were submitted. What failed or is under way is read
-- from `dead` and `active`, the rest from the wave's range of ids.
-- $1 wave_id   $2 status (null: any)   $3 text[] its states (null: any)
-- $4 id after which to go on   $5 part of a project's name in any case (null: any)   $6 how many
-- Answer: wave_no (no row: no such wave), JSON array, how many, the last one's id, whether the wave has
-- more behind it.
WITH w AS MATERIALIZED (
    SELECT wave_no, wave_id, first_id, last_id FROM waves WHERE wave_id = $1::text),
pick AS MATERIALIZED (
    (SELECT m.id FROM dead d JOIN migrations m ON m.id = d.migration_id
      WHERE $2::text = 'error' AND d.migration_id > greatest($4::bigint, (SELECT first_id - 1 FROM w))
        AND d.migration_id <= (SELECT last_id FROM w) AND d.wave_no + 0 = (SELECT wave_no FROM w)
        AND ($5::text IS NULL OR strpos(lower(m.project), lower($5::text)) > 0)
      ORDER BY d.migration_id LIMIT $6::int)
    UNION ALL
    (SELECT m.id FROM active a JOIN migrations m ON m.id = a.migration_id
      WHERE $2::text = 'in_progress'
        AND a.migration_id > greatest($4::bigint, (SELECT first_id - 1 FROM w))
        AND a.migration_id <= (SELECT last_id FROM w) AND a.wave_no + 0 = (SELECT wave_no FROM w)
        AND ($5::text IS NULL OR strpos(lower(m.project), lower($5::text)) > 0)
      ORDER BY a.migration_id LIMIT $6::int)
    UNION ALL
    (SELECT m.id FROM migrations m
      WHERE ($2::text IS NULL OR $2::text NOT IN ('error', 'in_progress'))
        AND m.id > greatest($4::bigint, (SELECT first_id - 1 FROM w))
        AND m.id <= (SELECT last_id FROM w) AND m.wave_no + 0 = (SELECT wave_no FROM w)
        AND ($3::text[] IS NULL OR m.state = ANY ($3::text[]::migration_state[]))
        AND ($5::text IS NULL OR strpos(lower(m.project), lower($5::text)) > 0)
      ORDER BY m.id LIMIT $6::int)),
shown AS (
    SELECT m.id, json_build_object(
               'id', m.id, 'mb_project_uuid', m.project, 'brz_project_id', m.brz_project_id,
               'status', CASE WHEN m.state IN ('blocked', 'pending') THEN 'pending'
                              WHEN m.state IN ('running', 'parked', 'retrying') THEN 'in_progress'
                              WHEN m.state = 'failed' THEN 'error' ELSE m.state::text END,
               'state', m.state,
               'brizy_project_domain', m.result ->> 'brizy_project_domain',
               'error', m.error, 'class', m.class, 'completed_at', m.finished_at,
               'migration_uuid', coalesce(m.result ->> 'migration_uuid', w.wave_id),
               'migration_id', m.result ->> 'migration_id',
               'attempts', m.attempt, 'result_data', m.result) AS migration
      FROM pick JOIN migrations m USING (id) CROSS JOIN w)
SELECT w.wave_no, coalesce(json_agg(s.migration ORDER BY s.id) FILTER (WHERE s.id IS NOT NULL), '[]')::text,
       count(s.id), max(s.id), coalesce(max(s.id) < w.last_id, false)
  FROM w LEFT JOIN shown s ON true
 GROUP BY w.wave_no, w.last_id
