-- Which dead letters are meant, by wave: before many are restarted or discarded, or in place of it.
-- $1 bigint[] ids (null: by the filter)   $2 wave_id   the filter: $3 class   $4 text   $5 since   $6 until
-- $7 how many waves at most
-- Answer, by wave, ascending: wave_no, wave_id, how many, ids (bigint[] as text; null without $1), classes
-- (JSON: class to number), and in each row how many there are in all waves
WITH meant AS (
    SELECT d.migration_id, d.wave_no, d.class
      FROM (SELECT DISTINCT id FROM unnest($1::bigint[]) id) g JOIN dead d ON d.migration_id = g.id
    UNION ALL
    SELECT d.migration_id, d.wave_no, d.class
      FROM dead d JOIN migrations m ON m.id = d.migration_id
     WHERE $1::bigint[] IS NULL AND d.discarded_at IS NULL
       AND ($2::text IS NULL OR d.wave_no = (SELECT wave_no FROM waves WHERE wave_id = $2::text))
       AND ended_fits(m.project, m.error, d.class, d.at, $3::text, $4::text, $5::timestamptz, $6::timestamptz)),
classes AS (
    SELECT wave_no, class, count(*) AS n FROM meant GROUP BY wave_no, class),
by_wave AS MATERIALIZED (
    SELECT wave_no, sum(n)::bigint AS n, json_object_agg(coalesce(class::text, 'none'), n) AS classes
      FROM classes GROUP BY wave_no),
listed AS (
    SELECT wave_no, array_agg(migration_id)::text AS ids FROM meant WHERE $1::bigint[] IS NOT NULL GROUP BY wave_no)
SELECT b.wave_no, w.wave_id, b.n, i.ids, b.classes::text, (SELECT sum(n) FROM by_wave)::bigint
  FROM by_wave b
  JOIN waves w USING (wave_no)
  LEFT JOIN listed i USING (wave_no)
 ORDER BY b.wave_no LIMIT $7::int
