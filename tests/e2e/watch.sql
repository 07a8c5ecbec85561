-- A witness inside the test's database, independent of the programs: every
-- change of state of a wave and of a migration, and every claim after whose
-- transaction more ran than the wave's window lets in. Installed by the harness after the schema is there.

CREATE SCHEMA watch;

CREATE TABLE watch.wave_steps (
    seq bigint GENERATED ALWAYS AS IDENTITY, wave_no bigint, run_no int, was text, became text,
    at timestamptz DEFAULT clock_timestamp());

CREATE TABLE watch.wave_ends (
    wave_no bigint, run_no int, state text, at timestamptz DEFAULT clock_timestamp());

CREATE TABLE watch.steps (
    seq bigint GENERATED ALWAYS AS IDENTITY, id bigint, wave_no bigint, attempt int, was text, became text,
    at timestamptz DEFAULT clock_timestamp());

CREATE TABLE watch.claims (wave_no bigint);

CREATE TABLE watch.breaches (wave_no bigint, found int, allowed int, at timestamptz DEFAULT clock_timestamp());

-- Steps that the table of transitions does not have.
CREATE VIEW watch.strange AS
SELECT s.wave_no, s.id, s.was, s.became FROM watch.steps s
 WHERE NOT EXISTS (SELECT FROM wavefleet.migration_transitions t
                    WHERE t.was::text = s.was AND t.becomes::text = s.became);

CREATE FUNCTION watch.on_wave() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO watch.wave_steps (wave_no, run_no, was, became)
        VALUES (NEW.wave_no, NEW.run_no, OLD.state::text, NEW.state::text);
    RETURN NULL;
END $$;

CREATE TRIGGER watch_wave AFTER UPDATE ON wavefleet.waves
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION watch.on_wave();

-- A stopped wave ends later than it becomes `stopped`: when nothing of it runs any more.
CREATE FUNCTION watch.on_wave_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO watch.wave_ends (wave_no, run_no, state) VALUES (NEW.wave_no, NEW.run_no, NEW.state::text);
    RETURN NULL;
END $$;

CREATE TRIGGER watch_wave_end AFTER UPDATE ON wavefleet.waves
    FOR EACH ROW WHEN (OLD.completed_at IS DISTINCT FROM NEW.completed_at AND NEW.completed_at IS NOT NULL)
    EXECUTE FUNCTION watch.on_wave_end();

CREATE FUNCTION watch.on_migrations() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO watch.steps (id, wave_no, attempt, was, became)
        SELECT n.id, n.wave_no, n.attempt, o.state::text, n.state::text
        FROM new_rows n JOIN old_rows o USING (id) WHERE n.state <> o.state;
    INSERT INTO watch.claims
        SELECT DISTINCT n.wave_no FROM new_rows n JOIN old_rows o USING (id)
         WHERE n.state = 'running' AND o.state NOT IN ('running', 'parked');
    RETURN NULL;
END $$;

CREATE TRIGGER watch_migrations AFTER UPDATE ON wavefleet.migrations
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION watch.on_migrations();

-- At the end of the transaction: it may claim in slots that it frees a statement later. The count sees its own rows and
-- all that is committed.
CREATE FUNCTION watch.on_claim() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO watch.breaches (wave_no, found, allowed)
        SELECT w.wave_no, c.found, w.batch_size
        FROM wavefleet.waves w
        CROSS JOIN LATERAL (SELECT count(*) AS found FROM wavefleet.migrations m
                            WHERE m.wave_no = w.wave_no AND m.state IN ('running', 'parked')) c
        WHERE w.wave_no = NEW.wave_no AND c.found > w.batch_size;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER watch_claims AFTER INSERT ON watch.claims
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION watch.on_claim();
