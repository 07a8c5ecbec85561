-- Changes settings of a wave that has not ended; act_lock_wave has locked it. A new batch_size holds from the
-- next claim on: what runs beyond a smaller one finishes. What is as it should be already changes nothing.
-- $1 wave_id   $2 who   $3 members to change (JSON, checked before): name, batch_size, priority,
-- max_attempts, timeout_ms, max_failures, max_failures_percent, start_at, deadline_at; null: none
WITH w AS MATERIALIZED (
    SELECT w.*, wave_step('change', w.state) AS becomes FROM waves w WHERE w.wave_id = $1::text),
n AS MATERIALIZED (
    SELECT w.*, r.*
      FROM w
     CROSS JOIN LATERAL (
           SELECT coalesce(c ->> 'name', w.name) AS new_name,
                  coalesce((c ->> 'batch_size')::int, w.batch_size) AS new_batch_size,
                  coalesce((c ->> 'priority')::int, w.priority) AS new_priority,
                  coalesce((c ->> 'max_attempts')::int, w.max_attempts) AS new_max_attempts,
                  coalesce((c ->> 'timeout_ms')::bigint, w.timeout_ms) AS new_timeout_ms,
                  CASE WHEN c ? 'max_failures' THEN (c ->> 'max_failures')::int
                       ELSE w.max_failures END AS new_max_failures,
                  CASE WHEN c ? 'max_failures' THEN (c ->> 'max_failures_percent')::real
                       ELSE w.max_failures_percent END AS new_percent,
                  CASE WHEN c ? 'start_at' THEN (c ->> 'start_at')::timestamptz ELSE w.start_at END AS new_start_at,
                  CASE WHEN c ? 'deadline_at' THEN (c ->> 'deadline_at')::timestamptz
                       ELSE w.deadline_at END AS new_deadline_at
             FROM (SELECT $3::jsonb AS c) given) r
     WHERE CASE
           WHEN $3::jsonb ? 'start_at' AND NOT w.planned
           THEN refuse('WF409', format('cannot change start_at: the wave is %s', w.state))
           WHEN $3::jsonb ? 'deadline_at' AND r.new_deadline_at <= now()
           THEN refuse('WF422', 'deadline_at must lie in the future')
           ELSE true END),
diff AS MATERIALIZED (
    SELECT *, concat_ws(', ',
                  CASE WHEN new_name <> name THEN format('name %s', new_name) END,
                  CASE WHEN new_batch_size <> batch_size
                       THEN format('batch_size %s instead of %s', new_batch_size, batch_size) END,
                  CASE WHEN new_priority <> priority THEN format('priority %s', new_priority) END,
                  CASE WHEN new_max_attempts <> max_attempts THEN format('max_attempts %s', new_max_attempts) END,
                  CASE WHEN new_timeout_ms <> timeout_ms
                       THEN format('timeout_seconds %s', new_timeout_ms / 1000) END,
                  CASE WHEN (new_max_failures, new_percent) IS DISTINCT FROM (max_failures, max_failures_percent)
                       THEN format('max_failures %s', coalesce(new_max_failures::text, new_percent || '%', 'none')) END,
                  CASE WHEN new_start_at IS DISTINCT FROM start_at
                       THEN format('start_at %s', coalesce(new_start_at::text, 'none')) END,
                  CASE WHEN new_deadline_at IS DISTINCT FROM deadline_at
                       THEN format('deadline_at %s', coalesce(new_deadline_at::text, 'none')) END) AS what
      FROM n),
v AS (
    UPDATE waves t
       SET name = d.new_name, batch_size = d.new_batch_size, priority = d.new_priority,
           max_attempts = d.new_max_attempts, timeout_ms = d.new_timeout_ms,
           max_failures = d.new_max_failures, max_failures_percent = d.new_percent,
           start_at = d.new_start_at, deadline_at = d.new_deadline_at,
           version = t.version + (d.what <> '')::int,
           updated_at = CASE WHEN d.what <> '' THEN now() ELSE t.updated_at END
      FROM diff d WHERE t.wave_no = d.wave_no
    RETURNING t.*, d.what),
l AS (
    INSERT INTO wave_logs (wave_no, line)
    SELECT wave_no, format('changed by %s: %s', $2::text, what) FROM v WHERE what <> '')
SELECT wave_no, version, state, batch_size, priority, queue, NULL::bigint AS id, NULL::text AS row_state,
       json_build_object('id', wave_id, 'name', name,
                         'status', CASE state WHEN 'ready' THEN 'pending' WHEN 'running' THEN 'in_progress'
                                        ELSE state::text END,
                         'state', state, 'changed', what <> '', 'batch_size', batch_size, 'priority', priority,
                         'max_attempts', max_attempts, 'timeout_seconds', timeout_ms / 1000,
                         'max_failures', coalesce(to_json(max_failures),
                                                  to_json(max_failures_percent || '%')),
                         'start_at', start_at, 'deadline_at', deadline_at)::text AS data
  FROM v
