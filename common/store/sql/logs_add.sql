-- Log lines of bodies, in their order. Answers the lowest and the highest of their ids.
-- $1 bigint[] migration ids   $2 int[] attempts   $3 text[] streams   $4 text[] lines
-- $5 bigint[] how many ms ago each came
WITH i AS (
    INSERT INTO migration_logs (migration_id, attempt, at, stream, line)
    SELECT id, attempt, now() - ago * interval '1 ms', stream, line
      FROM unnest($1::bigint[], $2::int[], $3::text[], $4::text[], $5::bigint[]) l (id, attempt, stream, line, ago)
    RETURNING id)
SELECT min(id), max(id) FROM i
