-- How long bodies take, counted where progress is, so that each worker knows of a wave what any has learnt.
-- Programs of the release before run on it unchanged.
ALTER TABLE wave_progress
    ADD COLUMN bodies    bigint NOT NULL DEFAULT 0,   -- that have told how long they took
    ADD COLUMN bodies_us bigint NOT NULL DEFAULT 0;   -- altogether
