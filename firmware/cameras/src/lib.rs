//! # cameras: the register
//!
//! Which cameras there are, where they are reached, who may log in to them, which site they belong to. What a
//! camera is doing right now is `ingest`'s; what was recorded of it is `record`'s.
//!
//! ```text
//!  POST /cameras ─► NewCamera ─► parse_source: credentials out of the address ─┐
//!                                checks, each naming its field                 ├─► cameras_cameras (password sealed)
//!  PATCH ─────────► CameraPatch ─► applied to the row on the writer's thread ──┘        │ after the commit
//!  ingest ◄── all(), address(id, kind), credentials(id) ◄── memory ◄──────────────────────────────────────┘── changes()
//! ```
//!
//! ## Invariants
//! 1. [`Camera::source`] never holds credentials. Those before the host are moved out of the address when it
//!    comes in; those in its query or path (`password=…`, `token=…`) read `***` there, and the whole address is
//!    sealed like a password and leaves the room only through [`CameraRegister::address`].
//! 2. A password is at rest only as AES-256-GCM under the key file, bound to its camera: copied to another
//!    camera's row it does not open. It leaves the room only through [`CameraRegister::credentials`], never
//!    in `Debug`, JSON or an error.
//!    A stored password never follows an address to another host or port by itself: it must be given again.
//! 3. A lost or wrong key never stops the box. The cameras are listed,
//!    [`CameraRegister::unreadable_passwords`] says which passwords must be entered again, and everything
//!    else works.
//! 4. Names are data: whatever is printable is fine, also when it looks like SQL, a path or markup. Two
//!    cameras never have exactly the same name.
//! 5. Patches to one camera at the same time do not undo each other: each is applied to the row as it is
//!    then.
//! 6. There is always a default site, and every camera belongs to one that exists.
//! 7. What is recorded makes sense: a schedule's spans do not overlap, mode `schedule` has one, rolls are a minute at most.
//!    What a camera does not say the settings say ([`RecordPolicy::effective`]).
//! 8. Bounded: 256 cameras, 16 tags each, addresses of 2,048 bytes. All of it (under 1 MiB) is in memory, so
//!    reading it never waits for a disk.
//!
//! ## Non-goals
//! Connecting to cameras, discovery, vendor templates, the tree below a site.

mod address;
mod camera;
mod check;
mod error;
mod login;
mod record;
mod register;
mod row;
mod sealer;
mod site;
mod source;

pub use camera::{Camera, CameraPatch, Credentials, NewCamera, Transport};
pub use error::CamerasError;
pub use heron_core::RecordMode;
pub use record::{EffectiveRecord, MOST_ROLL_S, RecordPatch, RecordPolicy};
pub use register::{CameraPage, CameraRegister};
pub use sealer::Sealer;
pub use site::Site;
pub use source::{ParsedSource, parse_source};

use heron_store::Migrations;

/// What this room returns.
pub type Result<T, E = CamerasError> = std::result::Result<T, E>;

/// The room's tables, for `Store::open`.
pub const MIGRATIONS: Migrations = Migrations {
    room: "cameras",
    steps: &[
        "CREATE TABLE cameras_sites(
        id         BLOB PRIMARY KEY CHECK (length(id) = 16),
        name       TEXT NOT NULL,
        timezone   TEXT NOT NULL,
        created_ns INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE cameras_cameras(
        id          BLOB PRIMARY KEY CHECK (length(id) = 16),
        name        TEXT NOT NULL UNIQUE,
        source      TEXT NOT NULL,
        sub_source  TEXT,
        username    TEXT,
        password    BLOB,
        transport   TEXT NOT NULL,
        enabled     INTEGER NOT NULL,
        site        BLOB NOT NULL REFERENCES cameras_sites(id),
        tags        TEXT NOT NULL,
        record_mode TEXT NOT NULL,
        record_sub  INTEGER NOT NULL,
        created_ns  INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;",
        "ALTER TABLE cameras_cameras ADD COLUMN source_sealed BLOB;
    ALTER TABLE cameras_cameras ADD COLUMN sub_source_sealed BLOB;",
        // JSON of `RecordPolicy` without what `record_mode` and `record_sub` hold; NULL in rows from before: all of it as
        // when absent. `record_mode` is `settings` where the settings decide.
        "ALTER TABLE cameras_cameras ADD COLUMN record_more TEXT",
    ],
};
