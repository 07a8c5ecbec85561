-- Control: planned starts, deadlines, canaries, limits of failures, dependencies of waves and of
-- projects, paused queues, drained workers, discarded dead letters; and the tables of what may follow
-- what, in which the acts look. Programs of the release before run on it unchanged.

-- ---- what may follow what ----

-- An act on a wave in a state: where it leads. `becomes` = `was`: in effect already; no row: impossible.
-- `stop` ends a wave for people at once, its running bodies are cancelled after it; `end` of a stopped wave
-- notes that the last of them is gone; whether it is `completed` or `error` is what the counts say.
-- `restart` is of its migrations, `change` of its settings.
CREATE TABLE wave_transitions (
    act     text NOT NULL,
    was     wave_state NOT NULL,
    becomes wave_state NOT NULL,
    PRIMARY KEY (act, was)
);
INSERT INTO wave_transitions (act, was, becomes) VALUES
    ('start',   'planning',  'running'),
    ('start',   'ready',     'running'),
    ('start',   'running',   'running'),
    ('pause',   'running',   'paused'),
    ('pause',   'paused',    'paused'),
    ('resume',  'ready',     'running'),
    ('resume',  'running',   'running'),
    ('resume',  'paused',    'running'),
    ('stop',    'ready',     'stopped'),
    ('stop',    'running',   'stopped'),
    ('stop',    'paused',    'stopped'),
    ('stop',    'stopped',   'stopped'),
    ('change',  'ready',     'ready'),
    ('change',  'running',   'running'),
    ('change',  'paused',    'paused'),
    ('restart', 'ready',     'running'),
    ('restart', 'running',   'running'),
    ('restart', 'paused',    'paused'),
    ('restart', 'completed', 'running'),
    ('restart', 'error',     'running'),
    ('restart', 'stopped',   'running'),
    ('reset',   'ready',     'ready'),
    ('reset',   'running',   'ready'),
    ('reset',   'paused',    'ready'),
    ('reset',   'completed', 'ready'),
    ('reset',   'error',     'ready'),
    ('reset',   'stopped',   'ready'),
    ('end',     'running',   'completed'),
    ('end',     'paused',    'completed'),
    ('end',     'stopped',   'stopped');

-- Where a migration may go. A settlement of a poll or a webhook may find the row `retrying` or `failed` when
-- an attempt that was given up turns out to have succeeded; the rest that leads out of an end is a
-- restart, a reset, or a person's word. What is restarted before its dependencies is blocked again.
CREATE TABLE migration_transitions (
    was     migration_state NOT NULL,
    becomes migration_state NOT NULL,
    PRIMARY KEY (was, becomes)
);
INSERT INTO migration_transitions (was, becomes)
SELECT was::migration_state, becomes::migration_state
  FROM (VALUES ('blocked',   '{pending,completed,failed,cancelled}'::text[]),
               ('pending',   '{blocked,running,completed,failed,cancelled}'),
               ('running',   '{pending,parked,retrying,completed,failed,cancelled}'),
               ('parked',    '{pending,blocked,retrying,completed,failed,cancelled}'),
               ('retrying',  '{pending,blocked,running,completed,failed,cancelled}'),
               ('completed', '{blocked,pending}'),
               ('failed',    '{blocked,pending,completed,cancelled}'),
               ('cancelled', '{blocked,pending,completed}')) AS t (was, list)
 CROSS JOIN unnest(list) AS becomes;

-- Where the act leads, or a refusal that names the state.
CREATE FUNCTION wave_step(the_act text, from_state wave_state) RETURNS wave_state LANGUAGE plpgsql STABLE AS $$
DECLARE
    found wave_state;
BEGIN
    SELECT becomes INTO found FROM wavefleet.wave_transitions WHERE act = the_act AND was = from_state;
    IF found IS NULL THEN
        PERFORM wavefleet.refuse('WF409', format('cannot %s: the wave is %s', the_act, from_state));
    END IF;
    RETURN found;
END $$;

-- ---- waves ----

ALTER TABLE waves
    ADD COLUMN planned boolean NOT NULL DEFAULT false,  -- ready, and starts by itself: at start_at, and
    ADD COLUMN start_at timestamptz,                    -- when the waves that it depends on are completed
    ADD COLUMN deadline_at timestamptz,                 -- stopped then, unless it has ended
    ADD COLUMN canary int,                              -- so many first
    ADD COLUMN gate_id bigint,                          -- ids from here on wait for the canary; null: open
    ADD COLUMN max_failures int,                        -- pauses after so many,
    ADD COLUMN max_failures_percent real,               -- or after this share of its total,
    ADD COLUMN failures_seen int NOT NULL DEFAULT 0,    -- beyond those that a person has seen
    ADD COLUMN has_dependencies boolean NOT NULL DEFAULT false;
CREATE INDEX waves_planned ON waves (wave_no) WHERE planned;

-- rows of the state `blocked`, so that what may be released is known without counting
ALTER TABLE wave_progress ADD COLUMN blocked bigint NOT NULL DEFAULT 0;

-- a wave starts when the others are completed
CREATE TABLE wave_dependencies (
    wave_no    bigint NOT NULL,
    on_wave_no bigint NOT NULL,
    PRIMARY KEY (wave_no, on_wave_no)
);
CREATE INDEX wave_dependencies_on ON wave_dependencies (on_wave_no);

-- a migration starts when the others, of the same wave, are completed
CREATE TABLE dependencies (
    migration_id bigint NOT NULL,
    on_id        bigint NOT NULL,
    wave_no      bigint NOT NULL,
    PRIMARY KEY (migration_id, on_id)
);
CREATE INDEX dependencies_on ON dependencies (on_id);

-- settled rows that others depend on, until these have been unblocked or cancelled
CREATE TABLE unresolved (
    migration_id bigint PRIMARY KEY,
    wave_no      bigint NOT NULL
);
CREATE INDEX unresolved_wave ON unresolved (wave_no);

-- Whether a row waits for others: blocked, or pending.
CREATE FUNCTION first_state(the_id bigint) RETURNS migration_state LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN EXISTS (SELECT FROM wavefleet.dependencies d
                               JOIN wavefleet.migrations o ON o.id = d.on_id
                              WHERE d.migration_id = the_id AND o.state <> 'completed')
                THEN 'blocked' ELSE 'pending' END::wavefleet.migration_state
$$;

-- How many failures pause a wave; null: no number does.
CREATE FUNCTION failure_limit(w waves) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN w.max_failures_percent IS NULL THEN w.max_failures
                ELSE greatest(1, ceil(w.total * w.max_failures_percent / 100)) END::bigint
$$;

-- ---- the dead, queues, workers ----

ALTER TABLE dead
    ADD COLUMN alarm boolean NOT NULL DEFAULT false,    -- critical, and its wave has not been judged yet
    ADD COLUMN discarded_at timestamptz,                -- taken off the list; the migration stays failed
    ADD COLUMN discarded_by text;
CREATE INDEX dead_alarm ON dead (wave_no) WHERE alarm;

-- queues of which something was said
CREATE TABLE queues (
    queue      text PRIMARY KEY,
    paused     boolean NOT NULL,
    changed_by text NOT NULL DEFAULT '',
    changed_at timestamptz NOT NULL DEFAULT now()
);

-- protocol 2 knows canaries, limits, dependencies and plans: waves that have any are taken only when no
-- worker of protocol 1 is alive
ALTER TABLE workers
    ADD COLUMN protocol int NOT NULL DEFAULT 1,
    ADD COLUMN drain_asked_by text;

-- ---- what ended ----

-- Whether a migration that failed or was cancelled fits a filter: its class, a part of its project's name or of
-- its error in any case, when it ended. Nulls ask for nothing.
CREATE FUNCTION ended_fits(project text, error text, class error_class, at timestamptz,
                           the_class text, part text, since timestamptz, until timestamptz)
RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT (the_class IS NULL OR class::text = the_class)
       AND (part IS NULL OR strpos(lower(project COLLATE "default"), lower(part COLLATE "default")) > 0
                         OR strpos(lower(coalesce(error, '') COLLATE "default"), lower(part COLLATE "default")) > 0)
       AND (since IS NULL OR at >= since)
       AND (until IS NULL OR at < until)
$$;
