-- What depends on rows that are settled, of which `unresolved` reminds: those whose dependencies are all
-- completed are pending, those behind one that failed or was cancelled are cancelled, and so is what
-- depends on these. So many at most, that no wave is locked for long: what is left keeps its reminder, and the
-- next judgement goes on. wave_lock has locked the waves. Answers the rows, and which of them go into Redis.
-- $1 bigint[] wave_nos   $2 shard   $3 how many at most
WITH RECURSIVE over AS MATERIALIZED (
    SELECT migration_id FROM unresolved WHERE wave_no = ANY ($1::bigint[])),
near AS MATERIALIZED (
    SELECT b.id, v.doomed
      FROM (SELECT DISTINCT d.migration_id AS id
              FROM over JOIN dependencies d ON d.on_id = over.migration_id) c
      JOIN migrations b ON b.id = c.id AND b.state = 'blocked'
     CROSS JOIN LATERAL (
           SELECT bool_and(o.state = 'completed') AS free,
                  bool_or(o.state IN ('failed', 'cancelled')) AS doomed
             FROM dependencies d JOIN migrations o ON o.id = d.on_id WHERE d.migration_id = b.id) v
     WHERE v.free OR v.doomed
     LIMIT $3::int),
-- those of which nothing more is to be decided
forgotten AS (
    DELETE FROM unresolved r USING over
     WHERE r.migration_id = over.migration_id AND (SELECT count(*) FROM near) < $3::int),
falling (id) AS (
    SELECT id FROM near WHERE doomed
    UNION
    SELECT b.id FROM falling x JOIN dependencies d ON d.on_id = x.id
      JOIN migrations b ON b.id = d.migration_id AND b.state = 'blocked'),
doomed AS MATERIALIZED (
    SELECT id FROM falling LIMIT $3::int),
verdicts AS MATERIALIZED (
    SELECT id, 'pending'::migration_state AS state, NULL::text AS why FROM near WHERE NOT doomed
    UNION ALL
    SELECT x.id, 'cancelled',
           min(format('depends on "%s", which %s', o.project,
                      CASE o.state WHEN 'failed' THEN 'failed' ELSE 'was cancelled' END))
      FROM doomed x
      JOIN dependencies d ON d.migration_id = x.id
      JOIN migrations o ON o.id = d.on_id
     WHERE o.state IN ('failed', 'cancelled') OR o.id IN (SELECT id FROM doomed)
     GROUP BY x.id),
u AS (
    UPDATE migrations m
       SET state = v.state, updated_at = now(), error = v.why,
           finished_at = CASE WHEN v.state = 'cancelled' THEN now() END,
           class = CASE WHEN v.state = 'cancelled' THEN 'dependency'::error_class END
      FROM verdicts v WHERE m.id = v.id AND m.state = 'blocked'
    RETURNING m.id, m.wave_no, m.state),
reminded AS (
    INSERT INTO unresolved (migration_id, wave_no)
    SELECT u.id, u.wave_no FROM u
     WHERE u.state = 'cancelled' AND (SELECT count(*) FROM doomed) = $3::int
       AND EXISTS (SELECT FROM dependencies d WHERE d.on_id = u.id)
        ON CONFLICT DO NOTHING),
counted AS (
    INSERT INTO wave_progress AS p (wave_no, shard, blocked, cancelled)
    SELECT wave_no, $2::smallint, -count(*), count(*) FILTER (WHERE state = 'cancelled')
      FROM u GROUP BY wave_no ORDER BY wave_no
        ON CONFLICT (wave_no, shard) DO UPDATE
       SET blocked = p.blocked + excluded.blocked, cancelled = p.cancelled + excluded.cancelled),
l AS (
    INSERT INTO wave_logs (wave_no, line)
    SELECT wave_no, format('%s cancelled: what they depend on failed or was cancelled', count(*))
      FROM u WHERE state = 'cancelled' GROUP BY wave_no)
SELECT u.id, u.wave_no, w.version, w.state, w.batch_size, w.priority, w.queue,
       u.state = 'pending' AND (w.gate_id IS NULL OR u.id < w.gate_id) AS goes
  FROM u JOIN waves w USING (wave_no)
 ORDER BY u.id
