-- What the peers' jobs change: :jobs rows, whose neighbours belong to different ones of :waves waves, as they
-- do where waves take turns, so that jobs under way at once seldom want the same counter.
CREATE TABLE peer_waves (
    wave_no   bigint PRIMARY KEY,
    completed bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
CREATE TABLE peer_jobs (
    id          bigint PRIMARY KEY,
    wave_no     bigint NOT NULL,
    state       text NOT NULL DEFAULT 'pending',
    finished_at timestamptz
) WITH (fillfactor = 50);

INSERT INTO peer_waves (wave_no) SELECT generate_series(1, :waves);
INSERT INTO peer_jobs (id, wave_no) SELECT id, (id - 1) % :waves + 1 FROM generate_series(1, :jobs) id;
