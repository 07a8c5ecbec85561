-- People: users with passwords, the sessions of those who are logged in, and how often a login was tried.
-- Programs of the release before run on it unchanged.

CREATE TABLE users (
    user_id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    username            text NOT NULL UNIQUE CHECK (username = lower(username)),
    full_name           text NOT NULL DEFAULT '',
    email               text NOT NULL DEFAULT '',
    role                text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    password_hash       text NOT NULL CHECK (length(password_hash) < 128),  -- Argon2id, parameters and salt inside
    password_changed_at timestamptz NOT NULL DEFAULT now(),
    created_at          timestamptz NOT NULL DEFAULT now(),
    last_login_at       timestamptz,
    disabled_at         timestamptz
);

-- over at expires_at, and at idle_until unless somebody was there
CREATE TABLE sessions (
    session_hash bytea PRIMARY KEY,                         -- sha256 of its id
    user_id      bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at   timestamptz NOT NULL DEFAULT now(),
    idle_until   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id, created_at);

-- Attempts to log in that did not succeed, by name and by address; the next is taken when blocked_until is
-- over. The key is a hash: people type passwords where the name belongs.
CREATE TABLE login_attempts (
    key           text PRIMARY KEY,
    attempts      int NOT NULL,
    blocked_until timestamptz NOT NULL,
    at            timestamptz NOT NULL
);
CREATE INDEX login_attempts_at ON login_attempts (at);
