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
        kind: KeyType::Choice { default: "continuous", of: &["continuous", "motion", "event", "off"] },
        unit: None,
        help: "How cameras are recorded that do not say so themselves; off stops the recording of every camera here, whatever the camera itself says.",
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
        name: "recording.pre_roll_s",
        kind: KeyType::Integer { default: 10, min: 0, max: 60 },
        unit: Some("s"),
        help: "What is kept from before an event, for cameras that do not say so themselves.",
        scopes: ALL,
    },
    Key {
        name: "recording.post_roll_s",
        kind: KeyType::Integer { default: 10, min: 0, max: 60 },
        unit: Some("s"),
        help: "What is recorded after an event, for cameras that do not say so themselves.",
        scopes: ALL,
    },
    Key {
        name: "retention.max_days",
        kind: KeyType::Integer { default: 0, min: 0, max: 3650 },
        unit: Some("days"),
        help: "Footage older than this is deleted, events too, locked footage excepted; 0 keeps it until its room is needed.",
        scopes: ALL,
    },
    Key {
        name: "retention.min_days",
        kind: KeyType::Integer { default: 0, min: 0, max: 3650 },
        unit: Some("days"),
        help: "Footage younger than this is never deleted to make room: a volume that holds nothing else is full, and says so.",
        scopes: ALL,
    },
    Key {
        name: "retention.max_bytes_gib",
        kind: KeyType::Integer { default: 0, min: 0, max: 1_000_000 },
        unit: Some("GiB"),
        help: "The most that one stream of a camera may take; 0 leaves it to the room there is.",
        scopes: ALL,
    },
    Key {
        name: "retention.event_days",
        kind: KeyType::Integer { default: 0, min: 0, max: 3650 },
        unit: Some("days"),
        help: "Footage of an event is kept this long when the footage around it goes; 0 keeps it no longer.",
        scopes: ALL,
    },
    Key {
        name: "retention.event_days_by_kind",
        kind: KeyType::Integers { min: 0, max: 3650 },
        unit: Some("days"),
        help: "As event_days for kinds of events, such as analytics.intrusion, or families of kinds, such as analytics.*.",
        scopes: ALL,
    },
    Key {
        name: "retention.thin_after_days",
        kind: KeyType::Integer { default: 0, min: 0, max: 3650 },
        unit: Some("days"),
        help: "Continuous footage older than this is thinned, footage of events and locked footage excepted; 0 never thins.",
        scopes: ALL,
    },
    Key {
        name: "retention.thin_to",
        kind: KeyType::Choice { default: "keys", of: &["sub", "keys"] },
        unit: None,
        help: "What thinning leaves: sub, the sub stream where it covers the main one; keys, the key frames.",
        scopes: ALL,
    },
    Key {
        name: "volumes.mirror",
        kind: KeyType::Bool { default: false },
        unit: None,
        help: "true keeps a second copy of everything that is recorded on another volume.",
        scopes: ALL,
    },
    Key {
        name: "recording.event_copy",
        kind: KeyType::Bool { default: false },
        unit: None,
        help: "true keeps a second copy of the footage of events on a volume whose role is events.",
        scopes: ALL,
    },
];
