CREATE TABLE access_box(
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    claim_token TEXT,
    claimed_ns  INTEGER
) STRICT;

CREATE TABLE access_users(
    id            BLOB PRIMARY KEY CHECK (length(id) = 16),
    username      TEXT NOT NULL,
    -- The name in lower case: "Anna" and "anna" are one user.
    username_key  TEXT NOT NULL UNIQUE,
    password      TEXT NOT NULL,
    role          TEXT NOT NULL,
    disabled      INTEGER NOT NULL,
    created_ns    INTEGER NOT NULL,
    last_login_ns INTEGER
) STRICT, WITHOUT ROWID;

-- Hashes only. `family` is the part of the refresh token that stays when it rotates.
CREATE TABLE access_sessions(
    id                 BLOB PRIMARY KEY CHECK (length(id) = 16),
    user               BLOB NOT NULL REFERENCES access_users(id) ON DELETE CASCADE,
    family             BLOB NOT NULL UNIQUE CHECK (length(family) = 32),
    refresh            BLOB NOT NULL CHECK (length(refresh) = 32),
    refresh_expires_ns INTEGER NOT NULL,
    access             BLOB NOT NULL CHECK (length(access) = 32),
    access_expires_ns  INTEGER NOT NULL,
    created_ns         INTEGER NOT NULL,
    used_ns            INTEGER NOT NULL,
    address            TEXT NOT NULL,
    agent              TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX access_sessions_by_user ON access_sessions(user, used_ns);
