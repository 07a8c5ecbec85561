-- GET /api/dead: migrations that failed, until they are restarted or discarded; newest id first.
-- $1 wave_id; null: any   the filter: $2 class   $3 text   $4 since   $5 until
-- $6 true: those that were discarded   $7 ids below this one only   $8 how many, one more than is shown
-- Answer: JSON, how many, the cursor of the next page
WITH wave AS MATERIALIZED (SELECT wave_no, first_id, last_id FROM waves WHERE wave_id = $1::text),
picked AS (
    (SELECT d.*, m.project, m.brz_project_id, m.error, m.attempt
       FROM dead d JOIN migrations m ON m.id = d.migration_id
      WHERE $1::text IS NULL AND d.migration_id < $7::bigint
        AND (d.discarded_at IS NOT NULL) = $6::boolean
        AND ended_fits(m.project, m.error, d.class, d.at, $2::text, $3::text, $4::timestamptz, $5::timestamptz)
      ORDER BY d.migration_id DESC LIMIT $8::int)
    UNION ALL
    (SELECT d.* FROM wave CROSS JOIN LATERAL
            (SELECT d.*, m.project, m.brz_project_id, m.error, m.attempt
               FROM dead d JOIN migrations m ON m.id = d.migration_id
              WHERE d.migration_id BETWEEN wave.first_id AND wave.last_id
                AND d.wave_no = wave.wave_no AND d.migration_id < $7::bigint
                AND (d.discarded_at IS NOT NULL) = $6::boolean
                AND ended_fits(m.project, m.error, d.class, d.at, $2::text, $3::text, $4::timestamptz,
                               $5::timestamptz)
              ORDER BY d.migration_id DESC LIMIT $8::int) d)),
shown AS (SELECT * FROM picked ORDER BY migration_id DESC LIMIT $8::int - 1),
rows AS (
    SELECT s.migration_id AS id, json_build_object(
               'ref', 'm' || s.migration_id, 'wave_id', w.wave_id, 'wave_name', w.name, 'kind', w.kind,
               'mb_project_uuid', s.project, 'brz_project_id', s.brz_project_id,
               'class', s.class, 'error', s.error, 'attempts', s.attempt, 'at', s.at,
               'discarded_at', s.discarded_at, 'discarded_by', s.discarded_by) AS row
      FROM shown s JOIN waves w ON w.wave_no = s.wave_no)
SELECT coalesce((SELECT json_agg(row ORDER BY id DESC) FROM rows), '[]'::json)::text,
       (SELECT count(*) FROM shown),
       CASE WHEN (SELECT count(*) FROM picked) >= $8::int
            THEN (SELECT min(migration_id) FROM shown) END
