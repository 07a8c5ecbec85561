-- The log of one migration: ours, then lines of the migration server.
-- $1 migration id   $2 behind this line   $3 how many   $4 attempt; 0: all   $5 text[] its lines
-- $6 why there are none, or null
WITH l AS MATERIALIZED (
    SELECT id, at, attempt, stream, line FROM migration_logs
     WHERE migration_id = $1::bigint AND id > $2::bigint
       AND ($4::int = 0 OR attempt = $4::int)
     ORDER BY id LIMIT $3::int)
SELECT json_build_object(
           'logs', to_json((SELECT coalesce(array_agg(line ORDER BY id), '{}') FROM l) || $5::text[]),
           'entries', (SELECT coalesce(json_agg(json_build_object(
                                  'id', id, 'at', at, 'attempt', attempt, 'stream', stream,
                                  'line', line) ORDER BY id), '[]'::json) FROM l),
           'next_after', coalesce((SELECT max(id) FROM l), $2::bigint),
           'more', (SELECT count(*) FROM l) >= $3::int,
           'server_log', to_json($5::text[]),
           'server_error', $6::text)::text
