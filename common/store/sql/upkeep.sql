-- Once an hour: days of the log ahead, days that are too old, keys of requests that nobody repeats now, sessions
-- that are over, attempts to log in that no longer count.
-- $1 logs.retention_days
WITH days AS (
    SELECT logs_day(current_date + n) FROM generate_series(0, 2) n),
old AS (
    SELECT logs_drop_before(current_date - $1::int)),
keys AS (
    DELETE FROM idempotency WHERE at < now() - interval '24 hours'),
over AS (
    DELETE FROM sessions WHERE least(idle_until, expires_at) < now()),
tries AS (
    DELETE FROM login_attempts WHERE at < now() - interval '1 hour' AND blocked_until < now())
SELECT (SELECT count(*) FROM days), (SELECT count(*) FROM old)
