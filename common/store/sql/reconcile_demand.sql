-- What is wrong in the demand of a queue: what runs belongs in it, what neither runs nor is pending does not.
-- The view is read once, and each id looked up in a hash of the others.
-- $1 queue   $2 bigint[] the ids that stand there
WITH runs AS MATERIALIZED (
    SELECT migration_id, wave_no FROM under_way WHERE state = 'running')
SELECT a.migration_id AS id, true AS add
  FROM runs a
 WHERE (SELECT w.queue FROM waves w WHERE w.wave_no = a.wave_no) = $1::text
   AND a.migration_id NOT IN (SELECT g.id FROM unnest($2::bigint[]) g (id))
UNION ALL
SELECT g.id, false
  FROM unnest($2::bigint[]) g (id) LEFT JOIN migrations m USING (id)
 WHERE m.state IS NULL OR m.state NOT IN ('pending', 'running')
