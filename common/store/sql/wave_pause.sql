-- Pauses a running wave and says why; wave_lock has locked it. No row: it is not running.
-- $1 wave_no   $2 why
WITH p AS (
    UPDATE waves SET state = 'paused', version = version + 1, updated_at = now(), note = $2::text
     WHERE wave_no = $1::bigint AND state = 'running'
    RETURNING wave_no, wave_id, state, version, batch_size, priority, queue),
l AS (INSERT INTO wave_logs (wave_no, line) SELECT wave_no, 'paused: ' || $2::text FROM p)
SELECT * FROM p
