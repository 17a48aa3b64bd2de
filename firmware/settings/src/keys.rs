//! The keys of this release. A room that grows keys of its own brings its own list to
//! [`crate::Settings::open`]. A key is listed when something in the house obeys it, not before.

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
        help: "off stops the recording of every camera here, whatever the camera itself says.",
        scopes: ALL,
    },
    Key {
        name: "recording.sub_enabled",
        kind: KeyType::Bool { default: true },
        unit: None,
        help: "false stops the recording of every sub stream here, whatever the camera itself says.",
        scopes: ALL,
    },
    Key {
        name: "retention.max_days",
        kind: KeyType::Integer { default: 0, min: 0, max: 3650 },
        unit: Some("days"),
        help: "Footage older than this is deleted; 0 keeps it until its room is needed.",
        scopes: ALL,
    },
];
