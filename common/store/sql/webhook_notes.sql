-- Keeps genuine webhooks, with what became of them.
-- $1 bigint[] migration ids   $2 int[] attempts   $3 text[] verdicts: settled, late, noted   $4 text[] bodies
INSERT INTO webhooks (migration_id, attempt, verdict, body)
SELECT h.id, h.attempt, h.verdict, h.body::jsonb
  FROM unnest($1::bigint[], $2::int[], $3::text[], $4::text[]) AS h (id, attempt, verdict, body)
