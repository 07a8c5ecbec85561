-- The tables of limit.sql: :rows results to come, in :waves waves of equal size. What a settlement must
-- touch and nothing else; the fillfactors are those of the product's tables. Not to be tuned.
CREATE TABLE limit_jobs (
    id          bigint PRIMARY KEY,
    wave_no     bigint NOT NULL,
    state       text NOT NULL DEFAULT 'pending',
    attempt     int NOT NULL DEFAULT 0,
    finished_at timestamptz,
    error       text,
    result      jsonb
) WITH (fillfactor = 50);
CREATE TABLE limit_waves (
    wave_no   bigint PRIMARY KEY,
    completed bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

INSERT INTO limit_jobs (id, wave_no)
SELECT id, (id - 1) * :waves / :rows + 1 FROM generate_series(1, :rows) id;
INSERT INTO limit_waves (wave_no) SELECT generate_series(1, :waves);
