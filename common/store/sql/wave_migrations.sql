-- Migrations of a wave in the order in which they were submitted. What failed or is under way is read
-- from `dead` and `under_way`, the rest from the wave's range of ids, or where more rows of others lie in
-- it than its own, by its number. By the beginning of a name: the next rows are enough for one that many
-- have, else the index.
-- $1 wave_id   $2 status (null: any)   $3 text[] its states (null: any)
-- $4 id after which to go on   $5 part of a project's name in any case (null: any)   $6 how many
-- $7 beginning of a project's name (null: any)   $8 how many rows to skip
-- Where every row of the wave is asked for, and its ids are all its own, skipped rows are not read: the
-- id behind them is known.
-- Answer: wave_no (no row: no such wave), JSON array, how many, the last one's id, whether the wave has
-- more behind it.
WITH w AS MATERIALIZED (
    SELECT w.wave_no, w.wave_id, w.first_id, w.last_id, w.last_id - w.first_id >= 2::bigint * w.total AS sparse,
           greatest($4::bigint, w.first_id - 1) + CASE WHEN a.all_asked THEN $8::bigint ELSE 0 END AS after,
           CASE WHEN a.all_asked THEN 0 ELSE $8::bigint END AS skip
      FROM waves w
     CROSS JOIN LATERAL (
           SELECT w.last_id - w.first_id < w.total AND $5::text IS NULL AND $7::text IS NULL
                  AND ($2::text IS NULL
                       OR w.total = (SELECT CASE $2::text WHEN 'completed' THEN sum(p.completed)
                                                      WHEN 'error' THEN sum(p.failed)
                                                      WHEN 'cancelled' THEN sum(p.cancelled) END
                                       FROM wave_progress p WHERE p.wave_no = w.wave_no)) AS all_asked) a
     WHERE w.wave_id = $1::text),
-- names are compared as bytes, so that what is not ASCII needs a collation for its case
part AS MATERIALIZED (
    SELECT lower($5::text COLLATE "default") AS lowered, octet_length($5::text) = length($5::text) AS ascii),
-- which of the ways below; where the wave has none of the status, no way
want AS MATERIALIZED (
    SELECT CASE WHEN $2::text IN ('error', 'in_progress') THEN $2::text
                WHEN CASE $2::text WHEN 'completed' THEN coalesce(sum(p.completed), 0)
                               WHEN 'cancelled' THEN coalesce(sum(p.cancelled), 0) END = 0
                THEN 'none'
                WHEN $7::text IS NOT NULL THEN 'name'
                WHEN (SELECT sparse FROM w) THEN 'number' ELSE 'id' END AS way
      FROM wave_progress p WHERE p.wave_no = (SELECT wave_no FROM w)),
next AS MATERIALIZED (
    SELECT m.id
      FROM (SELECT id, wave_no, project, state FROM migrations
             WHERE (SELECT way FROM want) = 'name'
               AND id > (SELECT after FROM w) AND id <= (SELECT last_id FROM w)
             ORDER BY id LIMIT 1000) m
     WHERE m.wave_no = (SELECT wave_no FROM w) AND starts_with(m.project, $7::text)
       AND ($3::text[] IS NULL OR m.state = ANY ($3::text[]::migration_state[]))
       AND ($5::text IS NULL
            OR strpos(CASE WHEN (SELECT ascii FROM part) THEN lower(m.project)
                           ELSE lower(m.project COLLATE "default") END, (SELECT lowered FROM part)) > 0)
     ORDER BY m.id LIMIT $6::int OFFSET (SELECT skip FROM w)),
pick AS MATERIALIZED (
    (SELECT m.id FROM dead d JOIN migrations m ON m.id = d.migration_id
      WHERE (SELECT way FROM want) = 'error'
        AND d.migration_id > (SELECT after FROM w) AND d.migration_id <= (SELECT last_id FROM w)
        AND d.wave_no + 0 = (SELECT wave_no FROM w)
        AND ($7::text IS NULL OR starts_with(m.project, $7::text))
        AND ($5::text IS NULL
             OR strpos(CASE WHEN (SELECT ascii FROM part) THEN lower(m.project)
                            ELSE lower(m.project COLLATE "default") END, (SELECT lowered FROM part)) > 0)
      ORDER BY d.migration_id LIMIT $6::int OFFSET (SELECT skip FROM w))
    UNION ALL
    (SELECT m.id FROM under_way a
      CROSS JOIN LATERAL (SELECT id, project FROM migrations WHERE id = a.migration_id OFFSET 0) m
      WHERE (SELECT way FROM want) = 'in_progress'
        AND a.migration_id > (SELECT after FROM w) AND a.migration_id <= (SELECT last_id FROM w)
        AND a.wave_no + 0 = (SELECT wave_no FROM w)
        AND ($7::text IS NULL OR starts_with(m.project, $7::text))
        AND ($5::text IS NULL
             OR strpos(CASE WHEN (SELECT ascii FROM part) THEN lower(m.project)
                            ELSE lower(m.project COLLATE "default") END, (SELECT lowered FROM part)) > 0)
      ORDER BY a.migration_id LIMIT $6::int OFFSET (SELECT skip FROM w))
    UNION ALL
    (SELECT id FROM next WHERE (SELECT count(*) FROM next) >= $6::int)
    UNION ALL
    (SELECT m.id FROM migrations m
      WHERE (SELECT way FROM want) = 'name' AND (SELECT count(*) FROM next) < $6::int
        AND m.wave_no = (SELECT wave_no FROM w) AND m.id + 0 > (SELECT after FROM w)
        AND m.project >= $7::text AND m.project < $7::text || chr(1114111)
        AND ($3::text[] IS NULL OR m.state = ANY ($3::text[]::migration_state[]))
        AND ($5::text IS NULL
             OR strpos(CASE WHEN (SELECT ascii FROM part) THEN lower(m.project)
                            ELSE lower(m.project COLLATE "default") END, (SELECT lowered FROM part)) > 0)
      ORDER BY m.id LIMIT $6::int OFFSET (SELECT skip FROM w))
    UNION ALL
    (SELECT m.id FROM migrations m
      WHERE (SELECT way FROM want) = 'number'
        AND m.wave_no = (SELECT wave_no FROM w) AND m.id + 0 > (SELECT after FROM w)
        AND ($3::text[] IS NULL OR m.state = ANY ($3::text[]::migration_state[]))
        AND ($5::text IS NULL
             OR strpos(CASE WHEN (SELECT ascii FROM part) THEN lower(m.project)
                            ELSE lower(m.project COLLATE "default") END, (SELECT lowered FROM part)) > 0)
      ORDER BY m.id LIMIT $6::int OFFSET (SELECT skip FROM w))
    UNION ALL
    (SELECT m.id FROM migrations m
      WHERE (SELECT way FROM want) = 'id'
        AND m.id > (SELECT after FROM w) AND m.id <= (SELECT last_id FROM w)
        AND m.wave_no + 0 = (SELECT wave_no FROM w)
        AND ($3::text[] IS NULL OR m.state = ANY ($3::text[]::migration_state[]))
        AND ($5::text IS NULL
             OR strpos(CASE WHEN (SELECT ascii FROM part) THEN lower(m.project)
                            ELSE lower(m.project COLLATE "default") END, (SELECT lowered FROM part)) > 0)
      ORDER BY m.id LIMIT $6::int OFFSET (SELECT skip FROM w))),
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
