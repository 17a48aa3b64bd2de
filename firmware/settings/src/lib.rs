//! # settings: what people have decided
//!
//! Rooms register typed [`Key`]s; people set them at one of four scopes; whoever needs a value asks what
//! holds for one camera and gets it with the scope that it comes from.
//!
//! ```text
//!  default  <  system  <  customer  <  site:{id}  <  camera:{id}          (the last one that says something wins)
//!
//!  PUT ─► put(scope, values) ─► every key known, of its type, in its range, allowed at this scope?
//!            └─► settings_versions (scope, version, values, author, reason, time) ─► memory ─► changes()
//!  rooms ◄── effective([System, Site, Camera]) ── from memory, never from disk
//! ```
//!
//! ## Invariants
//! 1. What is stored was valid when it was stored; what no longer is after an update is ignored, with a
//!    warning, and the default or the wider scope holds. A bad value never stops the box.
//! 2. A version is never edited. A rollback is a new version with the old values.
//! 3. Two people who change the same scope at once do not overwrite each other unknowingly: with an expected
//!    version the second one gets [`SettingsError::Conflict`].
//! 4. What [`Settings::put`] returned is on disk, synced.
//! 5. Bounded: 1,024 scopes, 100 versions each, only registered keys, text at most as long as its key allows.
//!
//! ## Non-goals
//! Secrets (the rooms that need them seal them), whether a site or a camera exists (that is `cameras`' to
//! know), the configuration file (paths and ports, read once at start).

mod error;
mod key;
mod keys;
mod scope;
mod settings;

pub use error::SettingsError;
pub use key::{Key, KeyType};
pub use keys::KEYS;
pub use scope::{Scope, ScopeKind};
pub use settings::{Effective, EffectiveSettings, Settings, Version};

use heron_store::Migrations;

/// What this room returns.
pub type Result<T, E = SettingsError> = std::result::Result<T, E>;

/// The room's tables, for `Store::open`.
pub const MIGRATIONS: Migrations = Migrations {
    room: "settings",
    steps: &["CREATE TABLE settings_versions(
        scope   TEXT NOT NULL,
        version INTEGER NOT NULL,
        value   TEXT NOT NULL,
        author  TEXT NOT NULL,
        reason  TEXT,
        time_ns INTEGER NOT NULL,
        PRIMARY KEY (scope, version)
    ) STRICT, WITHOUT ROWID"],
};
