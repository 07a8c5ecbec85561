-- Pauses a wave, which act_lock_wave has locked: nothing new starts, what runs finishes. A pause that is in
-- effect already changes nothing.
-- $1 wave_id   $2 who
WITH w AS MATERIALIZED (
    SELECT wave_no, state, wave_step('pause', state) AS becomes FROM waves WHERE wave_id = $1::text),
v AS (
    UPDATE waves t
       SET state = w.becomes, version = t.version + (w.state <> w.becomes)::int,
           updated_at = CASE WHEN w.state <> w.becomes THEN now() ELSE t.updated_at END,
           note = CASE WHEN w.state <> w.becomes THEN concat('paused by ', $2::text) ELSE t.note END
      FROM w WHERE t.wave_no = w.wave_no
    RETURNING t.*, w.state AS was),
l AS (
    INSERT INTO wave_logs (wave_no, line)
    SELECT wave_no, concat('paused by ', $2::text) FROM v WHERE was <> state)
SELECT wave_no, version, state, batch_size, priority, queue, NULL::bigint AS id, NULL::text AS row_state,
       json_build_object('status', 'paused', 'state', state, 'changed', was <> state)::text AS data
  FROM v
