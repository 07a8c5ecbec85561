-- Those of the ids that are no dead letters, and what they are.
-- $1 bigint[] ids   $2 how many at most
SELECT g.id, m.state
  FROM (SELECT DISTINCT id FROM unnest($1::bigint[]) id) g
  LEFT JOIN migrations m USING (id)
 WHERE NOT EXISTS (SELECT FROM dead d WHERE d.migration_id = g.id)
 ORDER BY g.id LIMIT $2::int
