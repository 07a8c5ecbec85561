-- What should have an entry in `delayed`, and when it is due.
SELECT migration_id, greatest(0, coalesce(ceil(extract(epoch FROM due_at - now()) * 1000), 0))::bigint
  FROM active WHERE state IN ('parked', 'retrying')
