//! This room's settings.

use heron_settings::{Key, KeyType, ScopeKind};

const SYSTEM: &[ScopeKind] = &[ScopeKind::System];

/// How long finished exports are kept, days.
pub(crate) const KEEP_DAYS: &str = "exports.keep_days";
/// How much of a volume exports may take, percent.
pub(crate) const MAX_PERCENT: &str = "exports.max_percent";
/// How fast an export may read and write, MiB per second.
pub(crate) const RATE: &str = "exports.rate_mib_s";

/// The settings of this room, for `Settings::open`.
pub const KEYS: &[Key] = &[
    Key {
        name: KEEP_DAYS,
        kind: KeyType::Integer { default: 7, min: 1, max: 365 },
        unit: Some("days"),
        help: "Finished exports are deleted after this time; the recordings themselves are not.",
        scopes: SYSTEM,
    },
    Key {
        name: MAX_PERCENT,
        // A tenth of a disk of 4 TB is 400 GB, of a card of 64 GB it is 6.4 GB: an hour of four cameras.
        kind: KeyType::Integer { default: 10, min: 1, max: 50 },
        unit: Some("percent"),
        help: "Exports take at most this share of the volume they lie on; the oldest finished ones go first.",
        scopes: SYSTEM,
    },
    Key {
        name: RATE,
        // A hard disk that records sixteen cameras (8 MB/s) has some 80 MB/s left; an export reads and writes.
        kind: KeyType::Integer { default: 24, min: 1, max: 1000 },
        unit: Some("MiB/s"),
        help: "Exports read and write no faster than this, and slower or not at all while recording is pressed.",
        scopes: SYSTEM,
    },
];
