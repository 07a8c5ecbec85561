-- What is wrong in the demand of a queue: what runs belongs in it, what neither runs nor is pending does not.
-- $1 queue   $2 bigint[] the ids that stand there
SELECT a.migration_id AS id, true AS add
  FROM under_way a JOIN waves w USING (wave_no)
 WHERE a.state = 'running' AND w.queue = $1::text AND a.migration_id <> ALL ($2::bigint[])
UNION ALL
SELECT g.id, false
  FROM unnest($2::bigint[]) g (id) LEFT JOIN migrations m USING (id)
 WHERE m.state IS NULL OR m.state NOT IN ('pending', 'running')
