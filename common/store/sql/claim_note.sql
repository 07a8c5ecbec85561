-- What a claim of many has not brought to its end within a second gets a row in `active`, as what is claimed alone has.
-- In the session that settles for this worker: nobody else ends what it runs while it is alive.
-- $1 worker_id
-- Answer: whether there are claims that have had less than a second.
WITH me AS MATERIALIZED (
    SELECT FROM workers WHERE worker_id = $1::bigint AND alive FOR KEY SHARE),
old AS MATERIALIZED (
    SELECT c, at FROM claims c
     WHERE worker_id = $1::bigint AND (at < now() - interval '1 second' OR at > now() + interval '1 minute')
       AND EXISTS (SELECT FROM me)),
noted AS (
    INSERT INTO active (migration_id, wave_no, state, worker_id, attempt)
    SELECT m.id, m.wave_no, m.state, m.worker_id, m.attempt
      FROM old CROSS JOIN LATERAL claim_runs(old.c) m
     ORDER BY m.id
        ON CONFLICT (migration_id) DO NOTHING),
gone AS (
    DELETE FROM claims c USING old WHERE c.worker_id = $1::bigint AND c.at = old.at)
SELECT count(*) > (SELECT count(*) FROM old) FROM claims WHERE worker_id = $1::bigint
