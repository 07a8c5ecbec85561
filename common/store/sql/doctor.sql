-- What PostgreSQL says of itself, of this database and of who works on it: for GET /api/doctor, which judges.
-- A worker that lives has a session with a lock of its own (worker_session).
-- $1 worker.lease_ms of whoever asks
-- Answer: JSON; its clock in ms
WITH alive AS (SELECT * FROM workers WHERE alive),
sessions AS (
    SELECT DISTINCT l.objid::bigint AS n
      FROM pg_locks l JOIN pg_stat_activity s USING (pid)
     WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 AND l.classid = 1702
       AND s.datname = current_database()),
open AS (SELECT queue, kind, params FROM waves WHERE completed_at IS NULL),
clients AS (SELECT * FROM pg_stat_activity WHERE backend_type = 'client backend')
SELECT json_build_object(
           'version', current_setting('server_version'), 'version_num', current_setting('server_version_num')::int,
           'fsync', current_setting('fsync'), 'full_page_writes', current_setting('full_page_writes'),
           'synchronous_commit', current_setting('synchronous_commit'),
           'autovacuum', current_setting('autovacuum'), 'track_counts', current_setting('track_counts'),
           'encoding', current_setting('server_encoding'),
           'max_connections', current_setting('max_connections')::int
                              - current_setting('superuser_reserved_connections')::int,
           'connections', (SELECT count(*) FROM clients),
           'oldest_transaction_s', (SELECT floor(max(extract(epoch FROM now() - xact_start))) FROM clients
                                     WHERE pid <> pg_backend_pid()),
           'transactions_used', (SELECT age(datfrozenxid) FROM pg_database WHERE datname = current_database()),
           'database_bytes', pg_database_size(current_database()),
           'schema', (SELECT max(version) FROM schema_versions),
           'dead_rows', (SELECT json_agg(json_build_object('table', relname, 'dead', n_dead_tup, 'live', n_live_tup)
                                         ORDER BY relname)
                           FROM pg_stat_user_tables WHERE schemaname = 'wavefleet' AND n_dead_tup > 100000
                            AND n_dead_tup > 4 * n_live_tup),
           'workers', (SELECT count(*) FROM alive),
           'runners', (SELECT coalesce(sum(concurrency), 0) FROM alive WHERE NOT draining),
           'draining', (SELECT count(*) FROM alive WHERE draining),
           'silent', (SELECT count(*) FROM alive
                       WHERE worker_id % 2147483647 NOT IN (SELECT n FROM sessions)),
           'lost_lately', (SELECT count(*) FROM workers
                            WHERE NOT alive AND ended_at > now() - interval '1 hour' AND end_reason <> 'left'),
           'other_lease', (SELECT count(*) FROM alive WHERE lease_ms <> $1::int),
           'versions', (SELECT coalesce(json_agg(v.version ORDER BY v.version), '[]')
                          FROM (SELECT DISTINCT version FROM alive) v),
           'open_waves', (SELECT count(*) FROM open),
           'open_remote', (SELECT count(*) FROM open WHERE kind = 'remote'),
           'unserved', (SELECT coalesce(json_agg(u.queue ORDER BY u.queue), '[]')
                          FROM (SELECT DISTINCT queue FROM open
                                EXCEPT SELECT unnest(queues) FROM alive WHERE NOT draining
                                 ORDER BY queue LIMIT 20) u),
           'paused', (SELECT coalesce(json_agg(p.queue ORDER BY p.queue), '[]')
                        FROM (SELECT q.queue FROM queues q
                               WHERE q.paused AND q.queue IN (SELECT queue FROM open) LIMIT 20) p),
           'sealed', EXISTS (SELECT FROM settings WHERE value LIKE 'sealed:%')
                     OR EXISTS (SELECT FROM open WHERE params ->> 'mb_secret' LIKE 'sealed:%'))::text,
       floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint
