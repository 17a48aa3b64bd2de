//! # record: segments on disk, catalogue, ledger, retention, recovery, playback
//!
//! Takes what the hub holds of each stream, writes it to fragmented MP4 files that any player opens, keeps a catalogue of
//! the files and a ledger of what is missing and why, deletes the oldest before room runs out, and gives it all back as
//! timeline, HLS playlist, virtual MP4 and still pictures. `README.md` beside this crate has the constants' arithmetic and
//! what happens at each failure.
//!
//! ```text
//!  hub ring ─(pinned reader, 200 ms tick)─> StreamWriter ─> Segmenter ─> Fragment ─(one pwritev)─> file on a volume
//!                                              │                                       │
//!                                         GapTracker                            Syncer (fdatasync twice a second)
//!                                              │
//!                     gaps and segments ─> Scribe ─(batches)─> catalogue in SQLite ─┐
//!                                              └─> events                           ├─> Playback ─> timeline, playlist,
//!  Sweeper (1 s, or at ENOSPC) ─> retention::make_room ─> unlink, then the row      │               clip, still
//!                                              live segments and fresh gaps in memory ┘
//!  start: Mount (marker file) ─> recover (open rows, newest day) ─> threads.      fsck: every file against every row
//! ```
//!
//! Threads: one writer, one syncer and one sweeper per volume; one scribe, one that measures, one that copies, one that thins.
//! None of them belongs to an async runtime.
//!
//! ## Invariants
//! 1. A segment begins with a key frame, has the tracks and formats of its init segment from beginning to end, and lies
//!    where its name says: [`layout`]. Its name is the wall time of its first picture to the millisecond.
//! 2. A file only ever grows by whole fragments and, when it is completed, by an index of them. A write that fails is cut back; what a crash leaves after the last whole
//!    fragment is cut off at the next start.
//! 3. No existing file is ever opened for recording; a name that is taken gets a suffix.
//! 4. A fragment is at most 1 s long and is written at most one tick and one frame after it is complete, so `kill -9` costs
//!    less than 2 s of a stream; synced at most half a second later, so a power cut costs about 2 s.
//! 5. No writer waits for the database: rows go through the scribe. What playback shows comes from memory until the row is
//!    committed, so a fragment can be played as soon as it is written.
//! 6. The catalogue can be rebuilt from the files alone: rows are computed by the same code from fragments just written and
//!    from fragments read back (`summary`), and equal.
//! 7. Every hole in a stream's footage has a row in the ledger with its true reason, from the end of the footage before it
//!    to the start of the footage after it; where the cause changed, one row for each. Nothing is guessed: a hole without
//!    a row is shown as `damaged`, never as the camera's fault ([`timeline`]).
//! 8. Recordings are deleted by retention and thinning alone, oldest first; never a locked one, never an open one. A refused
//!    write deletes first and fails only when nothing deletable is left ([`retention`]).
//! 9. Foreign, unreadable and damaged files in the recordings folder are reported and left alone.
//! 10. Nothing is written but relative to the directory descriptor of a volume whose marker file was read, and only while
//!     its path still leads to it: never onto the mount point of a missing volume.
//! 11. An error of one volume, or a call to it that does not come back, stops that volume alone. Its streams move to another
//!     when there is one, with what the ring still holds from the key frame of what was not written: no gap. Otherwise they
//!     wait in the ring for half a minute, then their units are let go and the ledger says so. The volume is tried again
//!     after 1 s, 2 s, … 30 s. A call that comes back late finds its stream gone and writes nothing that stays (`duty`).
//! 12. Every queue is bounded, with its arithmetic beside it: the hub's rings, the scribe's notes, waiting events, the index
//!     cache, one syncer entry per open file.
//! 13. What must be kept is not deleted for room: footage younger than its camera's least age, footage of an event within
//!     its days. When nothing else is left the volume is full, and says what keeps it full. Only the greatest age is
//!     stronger (the law), and only a lock is stronger than that.
//! 14. After a round of ten seconds nothing is older than its greatest age; where a limit was shortened, 4,096 files a second
//!     and volume go until that is so.
//! 15. A lock holds from the moment it is made, for all streams of its camera, also for what is written, imported or copied
//!     into its range later. It survives everything, the loss of the database too (`recordings/<camera>/locks.json`).
//! 16. What is made from recordings (second copies, key frames) is written under a name that is nobody's, synced, and only
//!     then named and entered; the original goes last. A crash costs the work, never footage.
//! 17. Copying and thinning read no faster than twice what is recorded (8 to 64 MiB/s) and never hold up a writer.
//! 18. A stream changes its volume only between two files, or when its volume fails.
//! 19. A plan ([`planner`]) changes nothing, and what it says is what retention comes to.
//! 20. With a key, every fragment is written with its seal in one call and every completed segment ends with a signed head that
//!     follows from the one before it; after a crash the next start seals what is whole. Seals are a part of the fragment to all
//!     readers, so that rows, byte ranges and playlists do not know of them; a file without seals is as good as before. A head
//!     that cannot be signed or written never holds up recording (`heron-evidence` has the formats and the proof).
//! 21. Nothing is shown twice and nothing worse in place of something better: what came as it was recorded, then second
//!     copies where originals are away, then what was fetched later, then what thinning left (`parts`, [`timeline`]).
//! 22. What speeds playback up is never believed over the files: the index at a file's end is checked whole or not used,
//!     and a day's summary goes when a row of that day comes, changes or goes.
//! 23. While nothing is due nothing is written: frames wait in memory, bounded per stream and in all, as the `Arc`s that the
//!     hub held. A clip begins with the key frame at or before its first frame due, and a change of mode loses no frame that
//!     was due ([`trigger`], `gate`, `pre_roll`).
//! 24. Time in which nothing is due is no fault: one row `not_scheduled` for each quiet period, no alarm, whatever the camera
//!     and the disk do meanwhile.
//! 25. Footage fetched afterwards ([`Backfill`]) goes into holes alone, from the key frame at or before each, and deletes
//!     nothing.
//!
//! ## Non-goals
//! Transcoding. Recording a stream without video. Cutting a group of pictures: a stream that never sends another key frame
//! stays one file, which retention cannot delete while it grows. Two daemons on one volume. Encryption at rest. Moving
//! footage between volumes. Mirroring what was recorded before mirroring was switched on. Keeping events' marks when the
//! database is lost: locks survive that, marks are as old as the last backup. Thinning second copies, and sub streams.
//! Footage of overlapping wall time (a clock that was set back) is kept whole and played in order of start; the timeline
//! shows it as one span.
//!
//! ## Errors
//! [`RecordError`] names what was tried, on what and what came back; [`RecordError::field`] names the request's field.
//! Nothing that goes wrong with a camera, a file or a volume ends a thread.

mod backfill;
pub mod catalogue;
mod clip;
mod copies;
mod deletable;
mod disk_health;
mod down_time;
mod duty;
mod error;
mod events;
mod evidence;
mod evidence_export;
mod evidence_report;
mod file;
mod fsck;
mod gap_events;
mod gap_history;
mod gap_rows;
mod gate;
mod index_cache;
mod inspect;
mod key_frames;
mod keys;
pub mod layout;
pub mod ledger;
mod lock_files;
mod locks;
mod lookout;
mod marks;
mod meter;
mod open_segment;
mod pacing;
mod parts;
mod placement;
mod plan_report;
pub mod planner;
mod playback;
mod policy;
mod pre_roll;
mod range;
mod rates;
mod read_now;
mod reconcile;
mod recorder;
mod recover;
mod report;
pub mod retention;
mod rules;
mod schema;
mod scribe;
mod segmenter;
mod shared;
mod small_files;
mod still;
mod storage;
mod stream_writer;
mod summariser;
mod summary;
mod sweeper;
mod syncer;
mod thin;
pub mod timeline;
pub mod trigger;
mod volume;
mod volume_writer;
mod watch;
mod work_files;
pub use backfill::{Backfill, Filled, Hole};
pub use clip::Clip;
pub use disk_health::{DiskHealth, DiskInQuestion, DiskReport, DiskVerdict, KernelHealth};
pub use error::RecordError;
pub use evidence_report::{EvidenceReport, EvidenceVerdict, GapEvidence, LONGEST_CHECK, SegmentEvidence};
pub use fsck::{fsck, fsck_and_seal};
pub use gap_history::{GapCursor, GapDay, StreamGap};
pub use ledger::Gap;
pub use locks::{Lock, NewLock};
pub use marks::EventMark;
pub use meter::Latency;
pub use playback::{Playback, SegmentSource, StillFrame};
pub use policy::{
    PlainMode, Pressure, RecordMode, RecordPolicy, RecordReason, StreamSituation, StreamStatus, USUAL_ROLL,
    WeekPlan,
};
pub use read_now::read_now;
pub use recorder::{Recorder, RecorderConfig, VolumeStatus};
pub use report::{FsckReport, Remark};
pub use rules::{RetentionRules, ThinTo};
pub use schema::MIGRATIONS;
pub use scribe::NoteQueue;
pub use shared::VolumeState;
pub use storage::{StorageReport, StreamReport, VolumeReport};
pub use trigger::{Trigger, TriggerOutcome};
pub use volume::{VolumeConfig, VolumeRole};
