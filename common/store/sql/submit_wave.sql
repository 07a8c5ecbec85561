-- A submitted wave with ids set aside for its migrations; submit_migrations or submit_copy brings them in the
-- same transaction. It runs at once, or is ready where it is planned.
-- $1 wave_id   $2 name   $3 kind   $4 params (JSON)   $5 queue   $6 priority   $7 batch_size
-- $8 max_attempts   $9 timeout_ms   $10 how many migrations   $11 workspace_id (0: none)
-- $12 workspace_name   $13 mgr_manual   $14 cloning_enabled   $15 traceparent   $16 created_by
-- $17 planned   $18 start_at   $19 deadline_at   $20 canary (0: none)   $21 max_failures (0: none)
-- $22 max_failures in percent (0: none)
WITH w AS (
    INSERT INTO waves (wave_id, name, kind, params, state, queue, priority, batch_size, max_attempts,
                       timeout_ms, total, first_id, last_id, workspace_id, workspace_name, mgr_manual,
                       cloning_enabled, traceparent, created_by, planned, start_at, deadline_at, canary,
                       gate_id, max_failures, max_failures_percent)
    SELECT $1::text, $2::text, $3::text, $4::jsonb,
           CASE WHEN $17::boolean THEN 'ready' ELSE 'running' END::wave_state, $5::text, $6::int, $7::int,
           $8::int, $9::bigint, $10::bigint, f, f + $10::bigint - 1, nullif($11::bigint, 0), $12::text,
           $13::boolean, $14::boolean, $15::text, $16::text, $17::boolean, $18::timestamptz,
           $19::timestamptz, nullif($20::int, 0), CASE WHEN $20::int BETWEEN 1 AND $10::bigint - 1 THEN f + $20::int END,
           nullif($21::int, 0), nullif($22::float8, 0)
      FROM take_ids($10::bigint) f
     WHERE coalesce($19::timestamptz > greatest(now(), $18::timestamptz), true)
           OR refuse('WF422', 'deadline_at must lie in the future, and after start_at')
    RETURNING wave_no, first_id, last_id, version),
l AS (
    INSERT INTO wave_logs (wave_no, line)
    SELECT wave_no, format('submitted%s: %s of kind %s, %s at once',
                           ' by ' || nullif($16::text, ''), $10::bigint, $3::text, $7::int) FROM w)
SELECT wave_no, first_id, last_id, version FROM w
