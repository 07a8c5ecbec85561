-- What should have an entry in `delayed`, and when it is due: at once where the clock was set back since.
SELECT a.migration_id,
       CASE WHEN m.updated_at > now() + interval '1 minute' THEN 0
            ELSE greatest(0, coalesce(ceil(extract(epoch FROM a.due_at - now()) * 1000), 0)) END::bigint
  FROM active a JOIN migrations m ON m.id = a.migration_id
 WHERE a.state IN ('parked', 'retrying')
