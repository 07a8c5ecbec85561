-- Adds a migration's project, with its target and params, to a wave as a new migration; an ended wave
-- runs again. migration_append_lock has locked the wave. Answers as an act (engine.h); no row: there
-- is no such wave.
-- $1 migration id   $2 wave_id   $3 who   $4 targets are found by the workers: none is needed
WITH t AS MATERIALIZED (
    SELECT w.wave_no, w.wave_id, w.kind, w.state AS wave_was, w.completed_at IS NOT NULL AS ended,
           m.project, m.brz_project_id, m.params, s.kind AS source_kind,
           EXISTS (SELECT FROM migrations o
                    WHERE o.wave_no = w.wave_no AND o.project = m.project) AS twin
      FROM waves w CROSS JOIN migrations m JOIN waves s ON s.wave_no = m.wave_no
     WHERE w.wave_id = $2::text AND m.id = $1::bigint),
ok AS MATERIALIZED (
    SELECT * FROM t
     WHERE CASE
           WHEN twin THEN refuse('WF409', format('project %s is in wave %s already', project, wave_id))
           WHEN kind <> source_kind
           THEN refuse('WF409', format('wave %s is of kind %s, this migration of kind %s',
                                       wave_id, kind, source_kind))
           WHEN kind = 'remote' AND brz_project_id IS NULL AND NOT $4::boolean
           THEN refuse('WF409', format('project %s has no brz_project_id yet', project))
           WHEN wave_was = 'planning' OR (wave_was = 'stopped' AND NOT ended)
           THEN refuse('WF409', format('wave %s is %s and takes nothing', wave_id,
                                       CASE wave_was WHEN 'stopped' THEN 'being stopped'
                                                     ELSE wave_was::text END))
           ELSE true END),
n AS (
    INSERT INTO migrations (id, wave_no, project, brz_project_id, params)
    SELECT take_ids(1), wave_no, project, brz_project_id, params FROM ok
    RETURNING id, state, project),
w AS (
    UPDATE waves w
       SET state = CASE WHEN ok.ended THEN 'running'::wave_state ELSE w.state END,
           run_no = w.run_no + ok.ended::int, completed_at = NULL, version = w.version + 1,
           total = w.total + 1, first_id = least(w.first_id, n.id), last_id = greatest(w.last_id, n.id),
           updated_at = now(), note = CASE WHEN w.state = 'paused' THEN w.note END
      FROM ok CROSS JOIN n WHERE w.wave_no = ok.wave_no
    RETURNING w.*),
l AS (
    INSERT INTO wave_logs (wave_no, line)
    SELECT wave_no, format('%s added by %s', project, $3::text) FROM ok)
SELECT w.wave_no, w.version, w.state, w.batch_size, w.priority, w.queue, n.id, n.state AS row_state,
       json_build_object('ref', 'm' || n.id, 'wave_id', w.wave_id,
                         'wave_status', CASE w.state WHEN 'ready' THEN 'pending' WHEN 'running' THEN 'in_progress'
                                             ELSE w.state::text END,
                         'mb_project_uuid', n.project, 'status', 'pending', 'total', w.total,
                         'message', format('%s was added to wave %s', n.project, w.wave_id))::text AS data
  FROM w CROSS JOIN n
