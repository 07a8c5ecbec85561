-- GET /api/dead: migrations that failed, until they are restarted; newest id first.
-- $1 wave_id; null: any   $2 error class; null: any   $3 ids below this one only
-- $4 how many, one more than is shown
-- Answer: JSON, how many, the cursor of the next page
WITH wave AS MATERIALIZED (SELECT wave_no, first_id, last_id FROM waves WHERE wave_id = $1::text),
picked AS (
    (SELECT d.* FROM dead d
      WHERE $1::text IS NULL AND d.migration_id < $3::bigint
        AND ($2::text IS NULL OR d.class::text = $2::text)
      ORDER BY d.migration_id DESC LIMIT $4::int)
    UNION ALL
    (SELECT d.* FROM wave CROSS JOIN LATERAL
            (SELECT d.* FROM dead d
              WHERE d.migration_id BETWEEN wave.first_id AND wave.last_id
                AND d.wave_no = wave.wave_no AND d.migration_id < $3::bigint
                AND ($2::text IS NULL OR d.class::text = $2::text)
              ORDER BY d.migration_id DESC LIMIT $4::int) d)),
shown AS (SELECT * FROM picked ORDER BY migration_id DESC LIMIT $4::int - 1),
rows AS (
    SELECT m.id, json_build_object(
               'ref', 'm' || m.id, 'wave_id', w.wave_id, 'wave_name', w.name, 'kind', w.kind,
               'mb_project_uuid', m.project, 'brz_project_id', m.brz_project_id,
               'class', s.class, 'error', m.error, 'attempts', m.attempt, 'at', s.at) AS row
      FROM shown s
      JOIN migrations m ON m.id = s.migration_id
      JOIN waves w ON w.wave_no = s.wave_no)
SELECT coalesce((SELECT json_agg(row ORDER BY id DESC) FROM rows), '[]'::json)::text,
       (SELECT count(*) FROM shown),
       CASE WHEN (SELECT count(*) FROM picked) >= $4::int
            THEN (SELECT min(migration_id) FROM shown) END
