-- A claim of many migrations whose bodies are known to be short is one row here, in place of a row of `active` for each
-- of them, which would come and go within milliseconds. It stays as long as anything of it runs that has no row in
-- `active`; what lasts longer than a second gets one (claim_note). Nobody writes it while a worker of protocol 2 is
-- alive, which would not look for it.
CREATE TABLE claims (
    worker_id bigint NOT NULL,
    at        timestamptz NOT NULL DEFAULT now(), -- migrations.started_at of what it claimed
    first_ids bigint[] NOT NULL,                  -- ranges of neighbours; not all that they name need
    last_ids  bigint[] NOT NULL,                  -- have been claimed
    PRIMARY KEY (worker_id, at)
);

-- What runs, is parked, or waits for a retry.
CREATE VIEW under_way AS
SELECT migration_id, wave_no, state, worker_id, attempt, due_at, polls, progress, cancel, cancel_note
  FROM active
UNION ALL
SELECT m.id, m.wave_no, m.state, c.worker_id, m.attempt, NULL, 0, NULL, NULL, NULL
  FROM claims c
 CROSS JOIN unnest(c.first_ids, c.last_ids) AS r (first, last)
 CROSS JOIN LATERAL (
       SELECT id, wave_no, state, worker_id, attempt, started_at FROM migrations
        WHERE id BETWEEN r.first AND r.last ORDER BY id LIMIT r.last - r.first + 1) m
 WHERE m.state = 'running' AND m.worker_id = c.worker_id AND m.started_at = c.at
   AND NOT EXISTS (SELECT FROM active a WHERE a.migration_id = m.id);
