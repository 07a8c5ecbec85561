-- Migrations of a wave, so many at a time, for a table of all of them: by id, or where they are found by the wave's
-- number by name. Either way a page costs what it shows, however large the wave.
-- $1 wave_no   $2 the range of ids is its own   $3 id after which to go on   $4 its last id
-- $5 name after which to go on   $6 how many
SELECT m.id, m.project, m.brz_project_id,
       CASE WHEN m.state IN ('blocked', 'pending') THEN 'pending'
            WHEN m.state IN ('running', 'parked', 'retrying') THEN 'in_progress'
            WHEN m.state = 'failed' THEN 'error' ELSE m.state::text END,
       m.state, m.attempt, m.class, m.error, m.result ->> 'brizy_project_domain',
       to_char(m.first_started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
       to_char(m.finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
       round(extract(epoch FROM m.finished_at - m.first_started_at), 3)
  FROM ((SELECT * FROM migrations
          WHERE $2::boolean AND id > $3::bigint AND id <= $4::bigint AND wave_no + 0 = $1::bigint
          ORDER BY id LIMIT $6::int)
        UNION ALL
        (SELECT * FROM migrations
          WHERE NOT $2::boolean AND wave_no = $1::bigint AND project > $5::text
          ORDER BY project LIMIT $6::int)) m
 ORDER BY CASE WHEN $2::boolean THEN m.id END, m.project
