-- Progress that bodies report; only the attempt that runs may.
-- $1 bigint[] ids   $2 int[] attempts   $3 text[] JSON objects
UPDATE active a SET progress = p.progress::jsonb
  FROM unnest($1::bigint[], $2::int[], $3::text[]) p (id, attempt, progress)
 WHERE a.migration_id = p.id AND a.attempt = p.attempt
