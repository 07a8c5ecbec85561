-- The tables of limit.sql: :rows results to come, in :waves waves of equal size. The first has the columns and
-- the indexes of the product's `migrations`, and the fillfactor that this had when the yardstick was made.
-- Not to be tuned.
CREATE TYPE limit_state AS ENUM
    ('blocked', 'pending', 'running', 'parked', 'retrying', 'completed', 'failed', 'cancelled');
CREATE TABLE limit_jobs (
    id             bigint PRIMARY KEY,
    wave_no        bigint NOT NULL,
    project        text COLLATE "C" NOT NULL,
    brz_project_id bigint,
    state          limit_state NOT NULL DEFAULT 'pending',
    attempt        int NOT NULL DEFAULT 0,
    spent          int NOT NULL DEFAULT 0,
    crashes        int NOT NULL DEFAULT 0,
    worker_id      bigint,
    started_at     timestamptz,
    finished_at    timestamptz,
    updated_at     timestamptz,
    class          text,
    error          text,
    params         jsonb,
    result         jsonb,
    memo           jsonb,
    UNIQUE (wave_no, project)
) WITH (fillfactor = 50);
CREATE INDEX limit_target ON limit_jobs (brz_project_id, id DESC) WHERE brz_project_id IS NOT NULL;
CREATE TABLE limit_waves (
    wave_no   bigint PRIMARY KEY,
    completed bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

INSERT INTO limit_jobs (id, wave_no, project)
SELECT id, (id - 1) * :waves / :rows + 1, lpad(to_hex(id), 8, '0') || '-aaaa-4bbb-8ccc-0123456789ab'
  FROM generate_series(1, :rows) id;
INSERT INTO limit_waves (wave_no) SELECT generate_series(1, :waves);
