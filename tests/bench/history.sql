-- What has gathered in the tables after a long time: :waves waves, each hundredth of :large migrations, the others of
-- :small. A tenth, the newest, is under way: the first part of each done, then what is active, then what waits. Of those
-- that ended, each tenth has failures and each thirtieth was stopped. A project comes again in later waves.
-- psql -v waves=1000 -v small=1000 -v large=101000 -f history.sql (with search_path=wavefleet)
BEGIN;
INSERT INTO waves (wave_id, name, kind, params, state, batch_size, max_attempts, total, first_id, last_id,
                   created_at, updated_at, completed_at)
SELECT (1700000000 + n) || '_' || lpad(n::text, 12, '0'), 'wave ' || n, 'noop', '{}', s.state::wave_state,
       s.batch, 5, s.total, s.last - s.total + 1, s.last, now() - (:waves - n) * interval '1 hour',
       now() - (:waves - n) * interval '1 hour',
       CASE WHEN s.state <> 'running' THEN now() - (:waves - n) * interval '1 hour' END
  FROM generate_series(1, :waves) n
 CROSS JOIN LATERAL (
       SELECT CASE WHEN n > :waves * 9 / 10 THEN 'running' WHEN n % 30 = 0 THEN 'stopped'
                   WHEN n % 10 = 0 THEN 'error' ELSE 'completed' END AS state,
              CASE WHEN n % 100 = 0 THEN :large ELSE :small END AS total,
              CASE WHEN n % 100 = 0 THEN 200 ELSE 50 END AS batch,
              n * :small + n / 100 * (:large - :small) AS last) s
 ORDER BY n;

CREATE TEMP TABLE made AS
SELECT id, w.wave_no, w.created_at, md5((id % 500000)::text)::uuid::text AS project, 1 + id % 500000 AS target,
       CASE WHEN w.state = 'running' AND at > w.total * 6 / 10 + w.batch_size THEN 'pending'
            WHEN w.state = 'running' AND at > w.total * 6 / 10
                 THEN (ARRAY['running', 'parked', 'parked', 'retrying'])[1 + at % 4]
            WHEN w.state = 'stopped' AND at > w.total / 2 THEN 'cancelled'
            WHEN w.state IN ('running', 'error') AND at % 50 = 7 THEN 'failed'
            ELSE 'completed' END::migration_state AS state
  FROM waves w CROSS JOIN LATERAL generate_series(w.first_id, w.last_id) id CROSS JOIN LATERAL (SELECT id - w.first_id + 1 AS at) a;

INSERT INTO migrations (id, wave_no, project, brz_project_id, state, attempt, spent, started_at, finished_at, updated_at,
                        class, error, result)
SELECT id, wave_no, project, target, state, tried, tried, CASE WHEN tried > 0 THEN created_at END,
       CASE WHEN ended THEN created_at END, CASE WHEN tried > 0 THEN created_at END,
       CASE WHEN state = 'failed' THEN 'temporary'::error_class END,
       CASE WHEN state = 'failed' THEN 'the migration server answers 500: internal error' END,
       CASE WHEN state = 'completed'
            THEN jsonb_build_object('migration_id', id, 'brizy_project_domain', 'p' || target || '.brizy.site') END
  FROM made CROSS JOIN LATERAL (
       SELECT (state IN ('running', 'parked', 'retrying', 'completed', 'failed'))::int AS tried,
              state IN ('completed', 'failed', 'cancelled') AS ended) s
 ORDER BY id;
SELECT setval('migrations_id_seq', max(id)) FROM migrations;

INSERT INTO active (migration_id, wave_no, state, worker_id, attempt, due_at)
SELECT id, wave_no, state, CASE WHEN state = 'running' THEN 1 END, 1,
       CASE WHEN state <> 'running' THEN now() + interval '1 hour' END
  FROM made WHERE state IN ('running', 'parked', 'retrying') ORDER BY id;
INSERT INTO dead (migration_id, wave_no, class, at)
SELECT id, wave_no, 'temporary', created_at FROM made WHERE state = 'failed' ORDER BY id;
-- as if four processes had settled them
INSERT INTO wave_progress (wave_no, shard, claimed, released, completed, failed, cancelled)
SELECT wave_no, id % 4, count(*) FILTER (WHERE state IN ('running', 'parked')), 0,
       count(*) FILTER (WHERE state = 'completed'), count(*) FILTER (WHERE state = 'failed'),
       count(*) FILTER (WHERE state = 'cancelled')
  FROM made GROUP BY 1, 2 ORDER BY 1, 2;
DROP TABLE made;
COMMIT;
-- which autovacuum does by and by
VACUUM ANALYZE waves, migrations, active, dead, wave_progress;
