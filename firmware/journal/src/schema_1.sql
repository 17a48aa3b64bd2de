CREATE TABLE journal_events(
    seq      INTEGER PRIMARY KEY,
    id       BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    kind     TEXT NOT NULL,
    camera   BLOB,
    start_ns INTEGER NOT NULL,
    end_ns   INTEGER,
    severity INTEGER NOT NULL,
    actor    TEXT NOT NULL,
    text     TEXT,
    detail   TEXT,
    hash     BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE INDEX journal_events_by_start ON journal_events(start_ns, seq);
CREATE INDEX journal_events_by_camera ON journal_events(camera, start_ns, seq);
CREATE TRIGGER journal_events_never_change BEFORE UPDATE ON journal_events
BEGIN
    SELECT RAISE(ABORT, 'journal rows never change');
END;

-- What people have said of an event; absent = NEW and nothing else.
CREATE TABLE journal_status(
    seq    INTEGER PRIMARY KEY,
    status TEXT NOT NULL,
    tags   TEXT NOT NULL,
    end_ns INTEGER
) STRICT;
CREATE TABLE journal_notes(
    id      INTEGER PRIMARY KEY,
    seq     INTEGER NOT NULL,
    time_ns INTEGER NOT NULL,
    author  TEXT NOT NULL,
    text    TEXT NOT NULL
) STRICT;
CREATE INDEX journal_notes_by_seq ON journal_notes(seq);

CREATE TABLE journal_consumers(
    name  TEXT PRIMARY KEY,
    acked INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The last row that was pruned: verification starts after it.
CREATE TABLE journal_checkpoint(
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    seq  INTEGER NOT NULL,
    hash BLOB NOT NULL
) STRICT;
