-- Starts a planned wave, which act_lock_wave has locked, if its time has come and what it depends on is
-- completed. No row: not now.
-- $1 wave_id
WITH w AS MATERIALIZED (
    SELECT w.wave_no, wave_step('start', w.state) AS becomes
      FROM waves w
     WHERE w.wave_id = $1::text AND w.planned AND w.state = 'ready' AND coalesce(w.start_at <= now(), true)
       AND NOT EXISTS (SELECT FROM wave_dependencies d JOIN waves o ON o.wave_no = d.on_wave_no
                        WHERE d.wave_no = w.wave_no AND (o.completed_at IS NULL OR o.state <> 'completed'))),
v AS (
    UPDATE waves t
       SET state = w.becomes, planned = false, version = t.version + 1, updated_at = now(), note = NULL
      FROM w WHERE t.wave_no = w.wave_no
    RETURNING t.*),
l AS (
    INSERT INTO wave_logs (wave_no, line)
    SELECT wave_no, 'started as planned' FROM v)
SELECT wave_no, version, state, batch_size, priority, queue, NULL::bigint AS id, NULL::text AS row_state,
       json_build_object('status', 'in_progress', 'state', state)::text AS data
  FROM v
