-- Lets a paused wave, or one that was reset, go on; act_lock_wave has locked it.
-- $1 wave_id   $2 who
WITH w AS MATERIALIZED (
    SELECT wave_no, state,
           CASE WHEN state IN ('running', 'paused', 'ready') THEN true
                ELSE refuse('WF409', format('cannot resume: the wave is %s', state)) END AS ok
      FROM waves WHERE wave_id = $1::text),
v AS (
    UPDATE waves t
       SET state = 'running', version = t.version + (w.state <> 'running')::int, note = NULL,
           updated_at = CASE WHEN w.state <> 'running' THEN now() ELSE t.updated_at END
      FROM w WHERE t.wave_no = w.wave_no AND w.ok
    RETURNING t.*, w.state AS was),
l AS (
    INSERT INTO wave_logs (wave_no, line)
    SELECT wave_no, concat('resumed by ', $2::text) FROM v WHERE was <> 'running')
SELECT wave_no, version, state, batch_size, priority, queue, NULL::bigint AS id, NULL::text AS row_state,
       json_build_object('status', 'in_progress', 'state', 'running', 'changed', was <> 'running')::text AS data
  FROM v
