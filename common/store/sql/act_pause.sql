-- Pauses a wave, which act_lock_wave has locked: nothing new starts, what runs finishes. A pause that is in
-- effect already changes nothing; one that is impossible says so.
-- $1 wave_id   $2 who
WITH w AS MATERIALIZED (
    SELECT wave_no, state,
           CASE WHEN state IN ('running', 'paused') THEN true
                ELSE refuse('WF409', format('cannot pause: the wave is %s', state)) END AS ok
      FROM waves WHERE wave_id = $1::text),
v AS (
    UPDATE waves t
       SET state = 'paused', version = t.version + (w.state = 'running')::int,
           updated_at = CASE WHEN w.state = 'running' THEN now() ELSE t.updated_at END,
           note = CASE WHEN w.state = 'running' THEN concat('paused by ', $2::text) ELSE t.note END
      FROM w WHERE t.wave_no = w.wave_no AND w.ok
    RETURNING t.*, w.state AS was),
l AS (
    INSERT INTO wave_logs (wave_no, line)
    SELECT wave_no, concat('paused by ', $2::text) FROM v WHERE was = 'running')
SELECT wave_no, version, state, batch_size, priority, queue, NULL::bigint AS id, NULL::text AS row_state,
       json_build_object('status', 'paused', 'state', 'paused', 'changed', was = 'running')::text AS data
  FROM v
