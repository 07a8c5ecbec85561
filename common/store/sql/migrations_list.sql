-- GET /api/migrations: newest first. Each branch is one way to the rows, and only the one that fits
-- what is asked for is run (the others end at their one-time filter): by target; by name; by the tables
-- of what is active or dead; by the waves that can have such rows; and of all by the primary key
-- backwards. So nothing depends on how many rows there are in all.
-- Waves whose ids are all their own follow each other, so they are walked from the newest, and no
-- further than the page is full; each of those with ids of others in between is looked at.
-- By name: the newest rows are enough for a beginning that many have; else the index, wave by wave.
-- $1 status: pending, in_progress, completed, error, cancelled; null: any
-- $2 beginning of the project's name; null: any      $3 brz_project_id; 0: any
-- $4 ids below this one only                          $5 how many, one more than is shown
-- Answer: JSON, how many, the cursor of the next page
WITH want AS MATERIALIZED (
    SELECT CASE $1::text WHEN 'pending' THEN '{blocked,pending}'
                         WHEN 'in_progress' THEN '{running,parked,retrying}'
                         WHEN 'completed' THEN '{completed}'
                         WHEN 'error' THEN '{failed}'
                         WHEN 'cancelled' THEN '{cancelled}'
                         ELSE '{blocked,pending,running,parked,retrying,completed,failed,cancelled}'
           END::migration_state[] AS states,
           CASE WHEN $3::bigint <> 0 THEN 'target' WHEN $2::text IS NOT NULL THEN 'name'
                ELSE coalesce($1::text, 'key') END AS way),
newest AS MATERIALIZED (
    SELECT m.id
      FROM (SELECT id, project, state FROM migrations
             WHERE (SELECT way FROM want) = 'name' AND id < $4::bigint
             ORDER BY id DESC LIMIT 1000) m
     WHERE starts_with(m.project, $2::text) AND m.state = ANY ((SELECT states FROM want)::migration_state[])
     ORDER BY m.id DESC LIMIT $5::int),
picked AS (
    (SELECT m.id FROM migrations m
      WHERE (SELECT way FROM want) = 'target' AND m.brz_project_id = $3::bigint AND m.id < $4::bigint
        AND m.state = ANY ((SELECT states FROM want)::migration_state[])
        AND ($2::text IS NULL OR starts_with(m.project, $2::text))
      ORDER BY m.id DESC LIMIT $5::int)
    UNION ALL
    (SELECT id FROM newest WHERE (SELECT count(*) FROM newest) >= $5::int)
    UNION ALL
    (SELECT n.id
       FROM (SELECT wave_no, last_id FROM waves
              WHERE first_id < $4::bigint AND last_id - first_id < total ORDER BY last_id DESC) w
      CROSS JOIN LATERAL
            (SELECT m.id FROM migrations m
              WHERE m.wave_no = w.wave_no AND m.id < $4::bigint
                AND m.project >= $2::text AND m.project < $2::text || chr(1114111)
                AND m.state = ANY ((SELECT states FROM want)::migration_state[])
             OFFSET 0) n
      WHERE (SELECT way FROM want) = 'name' AND (SELECT count(*) FROM newest) < $5::int
      ORDER BY w.last_id DESC, n.id DESC LIMIT $5::int)
    UNION ALL
    (SELECT n.id
       FROM waves w CROSS JOIN LATERAL
            (SELECT m.id FROM migrations m
              WHERE m.wave_no = w.wave_no AND m.id < $4::bigint
                AND m.project >= $2::text AND m.project < $2::text || chr(1114111)
                AND m.state = ANY ((SELECT states FROM want)::migration_state[])
              ORDER BY m.id DESC LIMIT $5::int) n
      WHERE (SELECT way FROM want) = 'name' AND (SELECT count(*) FROM newest) < $5::int
        AND w.last_id - w.first_id >= w.total
      ORDER BY n.id DESC LIMIT $5::int)
    UNION ALL
    (SELECT a.migration_id FROM under_way a
      WHERE (SELECT way FROM want) = 'in_progress' AND a.migration_id < $4::bigint
      ORDER BY a.migration_id DESC LIMIT $5::int)
    UNION ALL
    (SELECT d.migration_id FROM dead d
      WHERE (SELECT way FROM want) = 'error' AND d.migration_id < $4::bigint
      ORDER BY d.migration_id DESC LIMIT $5::int)
    UNION ALL
    (SELECT n.id
       FROM (SELECT first_id, last_id FROM waves
              WHERE completed_at IS NULL AND first_id < $4::bigint AND last_id - first_id < total
              ORDER BY last_id DESC) w
      CROSS JOIN LATERAL
            (SELECT m.id FROM migrations m
              WHERE m.id BETWEEN w.first_id AND w.last_id AND m.id < $4::bigint
                AND m.state IN ('blocked', 'pending')
              ORDER BY m.id DESC LIMIT $5::int) n
      WHERE (SELECT way FROM want) = 'pending'
      ORDER BY w.last_id DESC, n.id DESC LIMIT $5::int)
    UNION ALL
    (SELECT n.id
       FROM waves w CROSS JOIN LATERAL
            (SELECT m.id FROM migrations m
              WHERE m.wave_no = w.wave_no AND m.id + 0 < $4::bigint
                AND m.state IN ('blocked', 'pending')
              ORDER BY m.id DESC LIMIT $5::int) n
      WHERE (SELECT way FROM want) = 'pending'
        AND w.completed_at IS NULL AND w.last_id - w.first_id >= w.total
      ORDER BY n.id DESC LIMIT $5::int)
    UNION ALL
    (SELECT n.id
       FROM (SELECT wave_no, first_id, last_id FROM waves
              WHERE first_id < $4::bigint AND last_id - first_id < total ORDER BY last_id DESC) w
      CROSS JOIN LATERAL
            (SELECT m.id FROM migrations m
              WHERE m.id BETWEEN w.first_id AND w.last_id AND m.id < $4::bigint
                AND m.state::text = $1::text
                AND EXISTS (SELECT FROM wave_progress p WHERE p.wave_no = w.wave_no
                               AND CASE $1::text WHEN 'completed' THEN p.completed
                                                 ELSE p.cancelled END <> 0)
              ORDER BY m.id DESC LIMIT $5::int) n
      WHERE (SELECT way FROM want) IN ('completed', 'cancelled')
      ORDER BY w.last_id DESC, n.id DESC LIMIT $5::int)
    UNION ALL
    (SELECT n.id
       FROM waves w CROSS JOIN LATERAL
            (SELECT m.id FROM migrations m
              WHERE m.wave_no = w.wave_no AND m.id + 0 < $4::bigint AND m.state::text = $1::text
              ORDER BY m.id DESC LIMIT $5::int) n
      WHERE (SELECT way FROM want) IN ('completed', 'cancelled')
        AND w.last_id - w.first_id >= w.total
      ORDER BY n.id DESC LIMIT $5::int)
    UNION ALL
    (SELECT m.id FROM migrations m
      WHERE (SELECT way FROM want) = 'key' AND m.id < $4::bigint
      ORDER BY m.id DESC LIMIT $5::int)),
shown AS (SELECT id FROM picked ORDER BY id DESC LIMIT $5::int - 1),
rows AS (
    SELECT m.id, json_build_object(
               'id', coalesce(to_json(m.brz_project_id), to_json('m' || m.id)),
               'ref', 'm' || m.id,
               'mb_project_uuid', m.project,
               'brz_project_id', m.brz_project_id,
               'status', CASE WHEN m.state IN ('blocked', 'pending') THEN 'pending'
                              WHEN m.state IN ('running', 'parked', 'retrying') THEN 'in_progress'
                              WHEN m.state = 'failed' THEN 'error' ELSE m.state::text END,
               'state', m.state,
               'created_at', w.created_at,
               'updated_at', coalesce(m.updated_at, w.created_at),
               'completed_at', m.finished_at,
               'changes_json', coalesce(m.result, '{}'::jsonb),
               'result', m.result,
               'error', m.error,
               'attempts', m.attempt,
               'migration_uuid', coalesce(m.result ->> 'migration_uuid', w.wave_id),
               'wave_id', w.wave_id,
               'wave_name', w.name,
               'brizy_project_domain', m.result ->> 'brizy_project_domain',
               'mb_project_domain', m.result ->> 'mb_project_domain',
               'mb_site_id', coalesce(m.result ->> 'mb_site_id', m.params ->> 'mb_site_id',
                                      w.params ->> 'mb_site_id'),
               'mb_product_name', m.result ->> 'mb_product_name',
               'theme', m.result ->> 'theme',
               'progress', coalesce((SELECT a.progress FROM active a WHERE a.migration_id = m.id),
                                    m.result -> 'progress'),
               'migration_id', m.result ->> 'migration_id',
               'date', coalesce(m.result ->> 'date', (m.finished_at::date)::text)) AS row
      FROM shown
      JOIN migrations m USING (id)
      JOIN waves w USING (wave_no))
SELECT coalesce((SELECT json_agg(row ORDER BY id DESC) FROM rows), '[]'::json)::text,
       (SELECT count(*) FROM shown),
       CASE WHEN (SELECT count(*) FROM picked) >= $5::int THEN (SELECT min(id) FROM shown) END
