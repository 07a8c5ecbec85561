-- The limit that the drain is held against: one statement and one commit for 50 results that are already
-- known, as from a settlement: the rows go from pending to completed and their wave's counter rises.
-- No claim, no attempt, no queue, no body. Each client has a contiguous share of the rows, so that no two
-- of them ever want the same wave. Variables: share (rows of a client), n (0). Not to be tuned.
\set first :client_id * :share + :n * 50 + 1
\set n :n + 1
WITH d AS (
    SELECT * FROM unnest(ARRAY(SELECT generate_series(:first::bigint, :first::bigint + 49)),
                         array_fill(0, ARRAY[50]), array_fill('completed'::limit_state, ARRAY[50]),
                         array_fill(NULL::text, ARRAY[50]), array_fill('{"ok": true}'::text, ARRAY[50]))
             AS d (id, attempt, state, error, result)),
u AS (
    UPDATE limit_jobs j
       SET state = d.state, attempt = j.attempt + 1, spent = 0, worker_id = :client_id::bigint,
           started_at = now(), finished_at = now(), updated_at = now(), error = d.error,
           result = d.result::jsonb
      FROM d WHERE j.id = d.id AND j.attempt = d.attempt AND j.state = 'pending'
    RETURNING j.wave_no)
UPDATE limit_waves w SET completed = w.completed + c.n
  FROM (SELECT wave_no, count(*) AS n FROM u GROUP BY wave_no) c
 WHERE w.wave_no = c.wave_no;
