//! Marks: footage in which something happened. They say what is kept longer, what is copied, and what is not thinned.

use crate::RecordError;
use crate::catalogue;
use crate::recorder::Recorder;
use heron_core::{CameraId, WallTime};
use std::time::Duration;

/// Longest mark; of a longer event the newest part is kept. An event of a month is a state, not an event.
const MOST: Duration = Duration::from_secs(31 * 86_400);
/// Longest name of an event or a kind.
const MOST_CHARS: usize = 64;

/// Footage of a camera in which something happened. What is before and after and belongs to it (pre-roll, post-roll) is
/// the maker's to add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventMark {
    /// The event's id: a mark of the same event takes the place of the one before, so an event that still lasts may be
    /// marked again and again, and a journal may be read again.
    pub event: String,
    /// The camera. Its main and sub stream are marked.
    pub camera: CameraId,
    /// Dotted kind, as in the journal.
    pub kind: String,
    /// First instant to keep.
    pub start: WallTime,
    /// End of what is to be kept.
    pub end: WallTime,
}

impl Recorder {
    /// Marks footage, in one transaction; footage that is written later in the range is marked too. Blocks on the
    /// database. It may be done again with the same marks.
    ///
    /// # Errors
    /// [`RecordError::Invalid`] naming `event`, `kind` or `end`, when nothing of the list is taken;
    /// [`RecordError::Store`].
    pub fn mark(&self, marks: &[EventMark]) -> Result<(), RecordError> {
        let mut rows = Vec::with_capacity(marks.len());
        for mark in marks {
            let fits = |text: &str| (1..=MOST_CHARS).contains(&text.len()) && text.is_ascii();
            if !fits(&mark.event) {
                return Err(RecordError::invalid("event", "must be 1 to 64 plain characters"));
            }
            if !fits(&mark.kind) {
                return Err(RecordError::invalid("kind", "must be 1 to 64 plain characters"));
            }
            if mark.end <= mark.start {
                let problem = format!("must be after start; start is {} and end is {}", mark.start, mark.end);
                return Err(RecordError::invalid("end", problem));
            }
            let start = mark.start.max(mark.end - MOST);
            let age = self.shared.rules.of(mark.camera).age_of_event(&mark.kind);
            rows.push((EventMark { start, ..mark.clone() }, age));
        }
        self.shared.store.write_blocking(move |tx| {
            rows.iter().try_for_each(|(mark, age)| catalogue::put_mark(tx, mark, *age))
        })?;
        Ok(())
    }
}
