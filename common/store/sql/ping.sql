-- Whether PostgreSQL answers and takes writes: on a standby, or where transactions are read-only, even a
-- write that would change nothing is refused.
UPDATE settings SET value = value WHERE false
