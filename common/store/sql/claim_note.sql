-- What a claim of many has not brought to its end within a second gets a row in `active`, as what is claimed alone has.
-- In the session that settles for this worker: nobody else ends what it runs while it is alive.
-- $1 worker_id
-- Answer: whether there are claims that have had less than a second.
WITH me AS MATERIALIZED (
    SELECT FROM workers WHERE worker_id = $1::bigint AND alive FOR KEY SHARE),
old AS MATERIALIZED (
    SELECT at, first_ids, last_ids FROM claims
     WHERE worker_id = $1::bigint AND (at < now() - interval '1 second' OR at > now() + interval '1 minute')
       AND EXISTS (SELECT FROM me)),
noted AS (
    INSERT INTO active (migration_id, wave_no, state, worker_id, attempt)
    SELECT m.id, m.wave_no, m.state, m.worker_id, m.attempt
      FROM old
     CROSS JOIN unnest(old.first_ids, old.last_ids) AS r (first, last)
     CROSS JOIN LATERAL (
           SELECT id, wave_no, state, worker_id, attempt, started_at FROM migrations
            WHERE id BETWEEN r.first AND r.last ORDER BY id LIMIT r.last - r.first + 1) m
     WHERE m.state = 'running' AND m.worker_id = $1::bigint AND m.started_at = old.at
     ORDER BY m.id
        ON CONFLICT (migration_id) DO NOTHING),
gone AS (
    DELETE FROM claims c USING old WHERE c.worker_id = $1::bigint AND c.at = old.at)
SELECT count(*) > (SELECT count(*) FROM old) FROM claims WHERE worker_id = $1::bigint
