-- Small waves that were submitted at the same time: each as submit_wave and submit_migrations make it, in one statement.
-- None is steered. Of each wave, in arrays:
-- $1 wave_id   $2 name   $3 kind   $4 params (JSON)   $5 queue   $6 priority   $7 batch_size   $8 max_attempts
-- $9 timeout_ms   $10 how many migrations   $11 workspace_id (0: none)   $12 workspace_name   $13 mgr_manual
-- $14 cloning_enabled   $15 traceparent   $16 created_by
-- Of each migration, wave after wave: $17 which wave, from 1   $18 project   $19 brz_project_id (0: none)
-- $20 params (JSON)
-- Answer: as submit_wave, a row for each wave, in their order.
WITH asked AS MATERIALIZED (
    SELECT *, sum(total) OVER (ORDER BY n) AS until
      FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[],
                  $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::text[], $13::boolean[],
                  $14::boolean[], $15::text[], $16::text[]) WITH ORDINALITY
        AS a (wave_id, name, kind, params, queue, priority, batch_size, max_attempts, timeout_ms, total,
              workspace_id, workspace_name, mgr_manual, cloning, traceparent, created_by, n)),
ids AS MATERIALIZED (SELECT take_ids((SELECT sum(total) FROM asked)::bigint) AS first),
w AS (
    INSERT INTO waves (wave_id, name, kind, params, state, queue, priority, batch_size, max_attempts,
                       timeout_ms, total, first_id, last_id, workspace_id, workspace_name, mgr_manual,
                       cloning_enabled, traceparent, created_by)
    SELECT a.wave_id, a.name, a.kind, a.params::jsonb, 'running', a.queue, a.priority, a.batch_size, a.max_attempts,
           a.timeout_ms, a.total, i.first + a.until - a.total, i.first + a.until - 1, nullif(a.workspace_id, 0),
           a.workspace_name, a.mgr_manual, a.cloning, a.traceparent, a.created_by
      FROM asked a CROSS JOIN ids i ORDER BY a.n
    RETURNING wave_no, wave_id, first_id, last_id, version),
numbered AS MATERIALIZED (SELECT a.n, a.created_by, a.total, a.kind, a.batch_size, w.* FROM asked a JOIN w USING (wave_id)),
m AS (
    INSERT INTO migrations (id, wave_no, project, brz_project_id, params)
    SELECT i.first + p.n - 1, w.wave_no, p.project, nullif(p.target, 0), p.params::jsonb
      FROM unnest($17::int[], $18::text[], $19::bigint[], $20::text[]) WITH ORDINALITY
        AS p (wave, project, target, params, n)
      JOIN numbered w ON w.n = p.wave
     CROSS JOIN ids i),
l AS (
    INSERT INTO wave_logs (wave_no, line)
    SELECT wave_no, format('submitted%s: %s of kind %s, %s at once',
                           ' by ' || nullif(created_by, ''), total, kind, batch_size) FROM numbered)
SELECT wave_no, first_id, last_id, version FROM numbered ORDER BY n
