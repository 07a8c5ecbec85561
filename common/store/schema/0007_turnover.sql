-- Nobody looks at each migration of a claim to learn that the claim is over: settlements of its worker count what of it
-- runs no more. When that is as many as it has claimed, its row goes. What somebody else ends is not counted, and
-- such a claim goes with claim_note. `claimed` is null where a worker of 0.9.0 has claimed: that one looks itself.
ALTER TABLE claims
    ADD COLUMN claimed int, -- all that the statement has claimed
    ADD COLUMN ended   int NOT NULL DEFAULT 0;
ALTER TABLE claims SET (fillfactor = 50);

-- What of a claim still runs, of the ids between two. Its tables are named in full: whoever asks the view below may have
-- another search_path.
CREATE FUNCTION claim_runs_within(c claims, first_id bigint, last_id bigint) RETURNS SETOF migrations LANGUAGE sql STABLE AS $$
    SELECT m.*
      FROM unnest(c.first_ids, c.last_ids) AS g (first, last)
     CROSS JOIN LATERAL (
           SELECT * FROM wavefleet.migrations WHERE id BETWEEN g.first AND g.last ORDER BY id LIMIT g.last - g.first + 1) m
     WHERE g.first <= last_id AND g.last >= first_id
       AND m.state = 'running' AND m.worker_id = c.worker_id AND m.started_at = c.at
$$;

-- OR REPLACE, here and below: builds after 0.9.0 have had these in their 0006.
CREATE OR REPLACE FUNCTION claim_runs(c claims) RETURNS SETOF migrations LANGUAGE sql STABLE AS $$
    SELECT m.* FROM wavefleet.claim_runs_within(c, 0, 9223372036854775807) m
$$;

-- As it was, with what a claim still runs said in one place.
CREATE OR REPLACE VIEW under_way AS
SELECT migration_id, wave_no, state, worker_id, attempt, due_at, polls, progress, cancel, cancel_note
  FROM active
UNION ALL
SELECT m.id, m.wave_no, m.state, c.worker_id, m.attempt, NULL, 0, NULL, NULL, NULL
  FROM claims c
 CROSS JOIN LATERAL claim_runs(c) m
 WHERE NOT EXISTS (SELECT FROM active a WHERE a.migration_id = m.id);
