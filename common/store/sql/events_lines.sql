-- Log lines of some commits, for those who follow them.
-- $1 bigint[], $2 bigint[] lowest and highest id of a commit's lines   $3 bigint[] a migration of these
-- $4 bigint[] migrations whose lines are wanted   $5 bigint[] waves whose lines are wanted
-- Answer: lowest id of the commit, migration, wave_no, wave_id, JSON of at most a hundred lines.
WITH asked AS (
    SELECT DISTINCT a.low, a.high, a.id, m.wave_no, w.wave_id
      FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) a (low, high, id)
      JOIN migrations m ON m.id = a.id JOIN waves w ON w.wave_no = m.wave_no
     WHERE m.id = ANY ($4::bigint[]) OR m.wave_no = ANY ($5::bigint[])),
l AS (
    SELECT a.low, a.wave_no, a.wave_id, x.*, row_number() OVER (PARTITION BY a.low, a.id ORDER BY x.id) AS n
      FROM asked a JOIN migration_logs x ON x.migration_id = a.id AND x.id BETWEEN a.low AND a.high)
SELECT low, migration_id, wave_no, wave_id,
       json_agg(json_build_object('id', id, 'at', at, 'stream', stream, 'attempt', attempt, 'line', line)
                ORDER BY id)::text
  FROM l
 GROUP BY low, migration_id, wave_no, wave_id, (n - 1) / 100
 ORDER BY low, migration_id, (n - 1) / 100
