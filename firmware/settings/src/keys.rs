//! The keys of this release. A room that grows keys of its own brings its own list to
//! [`crate::Settings::open`].

use crate::ScopeKind::{Customer, Site, System};
use crate::{Key, KeyType, ScopeKind};

const ALL: &[ScopeKind] = ScopeKind::ALL;

/// The keys of this release.
pub const KEYS: &[Key] = &[
    Key {
        name: "ingest.transport",
        kind: KeyType::Choice { default: "auto", of: &["auto", "tcp", "udp"] },
        unit: None,
        help: "How media is asked for from cameras whose own transport is auto: auto tries TCP first, then UDP.",
        scopes: ALL,
    },
    Key {
        name: "recording.mode",
        kind: KeyType::Choice { default: "continuous", of: &["continuous", "off"] },
        unit: None,
        help: "Whether cameras that do not say otherwise are recorded.",
        scopes: ALL,
    },
    Key {
        name: "recording.sub_enabled",
        kind: KeyType::Bool { default: true },
        unit: None,
        help: "Whether the sub stream is recorded beside the main stream.",
        scopes: ALL,
    },
    Key {
        name: "retention.max_days",
        kind: KeyType::Integer { default: 0, min: 0, max: 3650 },
        unit: Some("days"),
        help: "Footage older than this is deleted; 0 keeps it until its room is needed.",
        scopes: ALL,
    },
    Key {
        name: "retention.min_free_bytes",
        // 2 GiB is 68 minutes of 4 Mbit/s, or a minute of 64 such cameras: the deleter works every few
        // seconds.
        kind: KeyType::Integer { default: 2 << 30, min: 256 << 20, max: 1 << 50 },
        unit: Some("bytes"),
        help: "Free space that is kept on each recording volume by deleting the oldest footage.",
        scopes: &[System, Customer],
    },
    Key {
        name: "site.name",
        kind: KeyType::Text { default: "Home", min_chars: 1, max_chars: 100 },
        unit: None,
        help: "What people call the place.",
        scopes: &[System, Customer, Site],
    },
    Key {
        name: "site.timezone",
        kind: KeyType::TimeZone { default: "UTC" },
        unit: None,
        help: "The time zone of the place, for schedules and for showing times.",
        scopes: &[System, Customer, Site],
    },
    Key {
        name: "ui.language",
        kind: KeyType::Choice { default: "en", of: &["en"] },
        unit: None,
        help: "Language of the pages.",
        scopes: &[System, Customer, Site],
    },
];
