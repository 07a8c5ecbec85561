-- A submitted wave, running at once, with ids set aside for its migrations; submit_migrations or
-- submit_copy brings them in the same transaction.
-- $1 wave_id   $2 name   $3 kind   $4 params (JSON)   $5 queue   $6 priority   $7 batch_size
-- $8 max_attempts   $9 timeout_ms   $10 how many migrations   $11 workspace_id (0: none)
-- $12 workspace_name   $13 mgr_manual   $14 cloning_enabled   $15 traceparent   $16 created_by
WITH w AS (
    INSERT INTO waves (wave_id, name, kind, params, state, queue, priority, batch_size, max_attempts,
                       timeout_ms, total, first_id, last_id, workspace_id, workspace_name, mgr_manual,
                       cloning_enabled, traceparent, created_by)
    SELECT $1::text, $2::text, $3::text, $4::jsonb, 'running', $5::text, $6::int, $7::int, $8::int,
           $9::bigint, $10::bigint, f, f + $10::bigint - 1, nullif($11::bigint, 0), $12::text,
           $13::boolean, $14::boolean, $15::text, $16::text
      FROM take_ids($10::bigint) f
    RETURNING wave_no, first_id, last_id, version),
l AS (
    INSERT INTO wave_logs (wave_no, line)
    SELECT wave_no, format('submitted%s: %s of kind %s, %s at once',
                           ' by ' || nullif($16::text, ''), $10::bigint, $3::text, $7::int) FROM w)
SELECT wave_no, first_id, last_id, version FROM w
