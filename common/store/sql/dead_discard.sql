-- Takes dead letters of a wave, which act_lock_wave has locked, off the list; the migrations stay failed, and
-- can be restarted. Those that were discarded before stay as they are. Answers as an act (engine.h).
-- $1 wave_id   $2 who   $3 bigint[] ids (null: by the filter)
-- the filter: $4 class   $5 text   $6 since   $7 until
WITH w AS MATERIALIZED (
    SELECT * FROM waves WHERE wave_id = $1::text),
pick AS MATERIALIZED (
    SELECT d.migration_id AS id
      FROM (SELECT DISTINCT id FROM unnest($3::bigint[]) id) g JOIN dead d ON d.migration_id = g.id
     WHERE d.wave_no = (SELECT wave_no FROM w) AND d.discarded_at IS NULL
    UNION ALL
    SELECT d.migration_id
      FROM dead d JOIN migrations m ON m.id = d.migration_id
     WHERE $3::bigint[] IS NULL AND d.wave_no = (SELECT wave_no FROM w) AND d.discarded_at IS NULL
       AND ended_fits(m.project, m.error, d.class, d.at, $4::text, $5::text, $6::timestamptz, $7::timestamptz)),
u AS (
    UPDATE dead d SET discarded_at = now(), discarded_by = $2::text
      FROM pick WHERE d.migration_id = pick.id
    RETURNING d.migration_id),
n AS MATERIALIZED (SELECT count(*) AS discarded FROM u),
l AS (
    INSERT INTO wave_logs (wave_no, line)
    SELECT w.wave_no, format('%s of the dead letters discarded by %s', n.discarded, $2::text)
      FROM w, n WHERE n.discarded > 0)
SELECT w.wave_no, w.version, w.state, w.batch_size, w.priority, w.queue, NULL::bigint AS id,
       NULL::text AS row_state, json_build_object('discarded', n.discarded)::text AS data
  FROM w, n
