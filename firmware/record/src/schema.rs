//! The catalogue's tables.
//!
//! Rows are small on purpose: 64 cameras x 2 streams x 90 days of one-minute segments are 16.6 million rows. A path is
//! not stored but follows from stream, start and suffix ([`crate::layout`]); what many segments share (stream,
//! volume, format) is a number; sums are kept by triggers so that no page ever adds up the whole table.

use heron_store::Migrations;

/// This room's tables, for `Store::open`.
pub const MIGRATIONS: Migrations = Migrations { room: "record", steps: &[FIRST, ORIGIN, KEEP, LOCKED, DAYS] };

const FIRST: &str = "
CREATE TABLE record_volume(
    id INTEGER PRIMARY KEY,
    uuid TEXT NOT NULL UNIQUE,      -- from the volume's marker file
    path TEXT NOT NULL              -- where it was last seen
) STRICT;

CREATE TABLE record_stream(
    id INTEGER PRIMARY KEY,
    camera TEXT NOT NULL,
    kind TEXT NOT NULL,
    expired_until_ns INTEGER,       -- retention has deleted footage up to here
    UNIQUE(camera, kind)
) STRICT;

CREATE TABLE record_format(
    id INTEGER PRIMARY KEY,
    codecs TEXT NOT NULL,           -- RFC 6381, comma separated
    video TEXT NOT NULL,
    audio TEXT,
    metadata INTEGER NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX record_format_once
    ON record_format(codecs, video, ifnull(audio, ''), metadata, width, height);

CREATE TABLE record_segment(
    id INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL REFERENCES record_stream(id),
    volume INTEGER NOT NULL REFERENCES record_volume(id),
    start_ns INTEGER NOT NULL,      -- wall time of the first frame
    end_ns INTEGER NOT NULL,        -- end of the last frame
    suffix INTEGER NOT NULL,        -- see layout
    bytes INTEGER NOT NULL,
    init_bytes INTEGER NOT NULL,
    frames INTEGER NOT NULL,
    format INTEGER NOT NULL REFERENCES record_format(id),
    state INTEGER NOT NULL,         -- 0 open, 1 closed, 2 damaged
    locked INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX record_segment_by_stream ON record_segment(stream, start_ns, end_ns, state, frames, volume);
CREATE INDEX record_segment_by_volume ON record_segment(volume, start_ns);
CREATE INDEX record_segment_open ON record_segment(volume) WHERE state = 0;

CREATE TABLE record_total(
    volume INTEGER NOT NULL,
    stream INTEGER NOT NULL,
    segments INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY(volume, stream)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER record_segment_added AFTER INSERT ON record_segment BEGIN
    INSERT INTO record_total VALUES(new.volume, new.stream, 1, new.bytes)
        ON CONFLICT DO UPDATE SET segments = segments + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER record_segment_grown AFTER UPDATE OF bytes ON record_segment BEGIN
    UPDATE record_total SET bytes = bytes + new.bytes - old.bytes
        WHERE volume = new.volume AND stream = new.stream;
END;
CREATE TRIGGER record_segment_gone AFTER DELETE ON record_segment BEGIN
    UPDATE record_total SET segments = segments - 1, bytes = bytes - old.bytes
        WHERE volume = old.volume AND stream = old.stream;
END;

CREATE TABLE record_gap(
    id INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL REFERENCES record_stream(id),
    start_ns INTEGER NOT NULL,
    end_ns INTEGER,                 -- NULL while it lasts
    reason TEXT NOT NULL
) STRICT;
CREATE INDEX record_gap_by_stream ON record_gap(stream, start_ns);
CREATE INDEX record_gap_open ON record_gap(stream) WHERE end_ns IS NULL;

CREATE TABLE record_alive(
    one INTEGER PRIMARY KEY CHECK(one = 1),
    at_ns INTEGER NOT NULL          -- the recorder was running at this time
) STRICT;
";

/// Where a segment came from: [`crate::layout::Origin`].
const ORIGIN: &str = "
ALTER TABLE record_segment ADD COLUMN origin INTEGER NOT NULL DEFAULT 0;
";

/// What keeps footage beyond its time (locks, events), and what goes first. Deletable segments have an index of their
/// own, so that finding the oldest does not walk over years of footage that is kept.
const KEEP: &str = "
ALTER TABLE record_segment ADD COLUMN hold_ns INTEGER NOT NULL DEFAULT 0; -- an event keeps it until then
CREATE INDEX record_segment_loose ON record_segment(volume, stream, start_ns, origin)
    WHERE locked = 0 AND hold_ns = 0 AND state <> 0;
CREATE INDEX record_segment_held ON record_segment(hold_ns) WHERE hold_ns > 0;
ALTER TABLE record_stream ADD COLUMN mirrored_until_ns INTEGER; -- second copies are made up to here

CREATE TABLE record_lock(
    id TEXT PRIMARY KEY,
    camera TEXT NOT NULL,
    start_ns INTEGER NOT NULL,
    end_ns INTEGER NOT NULL,
    reason TEXT NOT NULL,
    locked_by TEXT NOT NULL,
    created_ns INTEGER NOT NULL,
    removed_ns INTEGER              -- kept after removal, so that a volume that was away does not bring it back
) STRICT;
CREATE INDEX record_lock_by_camera ON record_lock(camera, start_ns) WHERE removed_ns IS NULL;

CREATE TABLE record_mark(
    event TEXT NOT NULL,            -- the event's id
    part INTEGER NOT NULL,          -- long events are cut, so that looking back an hour finds all
    camera TEXT NOT NULL,
    kind TEXT NOT NULL,
    start_ns INTEGER NOT NULL,
    end_ns INTEGER NOT NULL,
    keep_ns INTEGER NOT NULL,       -- its footage is kept until then; 0: no longer than other footage
    copied INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY(event, part)
) STRICT, WITHOUT ROWID;
CREATE INDEX record_mark_by_camera ON record_mark(camera, start_ns);
CREATE INDEX record_mark_to_copy ON record_mark(end_ns) WHERE copied = 0;

CREATE TABLE record_dated(
    camera TEXT PRIMARY KEY,
    rules TEXT NOT NULL             -- by which the keep_ns of its marks were computed
) STRICT;

CREATE TABLE record_copy_total(
    volume INTEGER NOT NULL,
    stream INTEGER NOT NULL,
    segments INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY(volume, stream)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER record_copy_added AFTER INSERT ON record_segment WHEN new.origin = 2 BEGIN
    INSERT INTO record_copy_total VALUES(new.volume, new.stream, 1, new.bytes)
        ON CONFLICT DO UPDATE SET segments = segments + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER record_copy_grown AFTER UPDATE OF bytes ON record_segment WHEN new.origin = 2 BEGIN
    UPDATE record_copy_total SET bytes = bytes + new.bytes - old.bytes
        WHERE volume = new.volume AND stream = new.stream;
END;
CREATE TRIGGER record_copy_gone AFTER DELETE ON record_segment WHEN old.origin = 2 BEGIN
    UPDATE record_copy_total SET segments = segments - 1, bytes = bytes - old.bytes
        WHERE volume = old.volume AND stream = old.stream;
END;
";

/// What is locked is little, and asked for by volume.
const LOCKED: &str = "
CREATE INDEX record_segment_locked ON record_segment(volume, bytes) WHERE locked <> 0;
";

/// Summaries of days that are over, for timelines of months. Whatever changes a day's rows removes its summary.
const DAYS: &str = "
DROP INDEX record_segment_by_stream;
CREATE INDEX record_segment_by_stream
    ON record_segment(stream, start_ns, end_ns, state, frames, volume, origin);

CREATE TABLE record_day(
    stream INTEGER NOT NULL,
    day INTEGER NOT NULL,           -- since 1970-01-01, UTC, by the start of segments
    runs BLOB NOT NULL,             -- see catalogue/days.rs
    PRIMARY KEY(stream, day)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER record_day_added AFTER INSERT ON record_segment BEGIN
    DELETE FROM record_day WHERE stream = new.stream AND day = new.start_ns / 86400000000000;
END;
CREATE TRIGGER record_day_changed
    AFTER UPDATE OF stream, volume, start_ns, end_ns, frames, state, origin ON record_segment BEGIN
    DELETE FROM record_day WHERE stream = new.stream AND day = new.start_ns / 86400000000000;
    DELETE FROM record_day WHERE stream = old.stream AND day = old.start_ns / 86400000000000;
END;
CREATE TRIGGER record_day_gone AFTER DELETE ON record_segment BEGIN
    DELETE FROM record_day WHERE stream = old.stream AND day = old.start_ns / 86400000000000;
END;
";
