//! What a volume's thread has in hand while a disk works, so that another thread can take over when the disk hangs.
//!
//! A thread that waits in the kernel for a dead disk cannot be woken. Before it goes there it leaves here what somebody
//! else needs to go on with the stream; when it comes back it takes that away again. If it is gone by then, the stream
//! is another volume's: the thread lets go of everything and writes nothing more.

use crate::recover::Standing;
use crate::shared::StreamControl;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A write or sync that takes longer than this is a stall: streams move when they can. With the tick of the volume that
/// takes them, 0.2 s, and its first write they are recorded again within 5 s; a disk that wakes from sleep with ten
/// seconds costs a move, which loses nothing.
pub(crate) const STALLED: Duration = Duration::from_secs(3);

/// All that is needed to go on with a stream: the rest is in the hub's ring.
#[derive(Debug)]
pub(crate) struct Handover {
    pub(crate) control: Arc<StreamControl>,
    pub(crate) standing: Standing,
    /// Spreads rotation.
    pub(crate) number: u64,
    /// Number of the next segment of the stream.
    pub(crate) segments: u64,
}

/// Another thread has taken the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stream was handed to another volume while this one did not answer")]
pub(crate) struct Superseded;

impl From<Superseded> for std::io::Error {
    fn from(superseded: Superseded) -> Self {
        Self::other(superseded)
    }
}

/// Whether an error says that the stream belongs to another thread now.
pub(crate) fn is_superseded(e: &std::io::Error) -> bool {
    e.get_ref().is_some_and(|inner| inner.is::<Superseded>())
}

/// The place where the handover lies while a thread is with the disk. Its time is the machine's own, not the clock that is
/// injected elsewhere: it is about a thread that waits, whatever time it is called.
#[derive(Debug, Default)]
pub(crate) struct Duty(Mutex<Option<(Instant, Handover)>>);

impl Duty {
    /// The thread goes to the disk.
    pub(crate) fn go(&self, handover: Handover) {
        *self.0.lock() = Some((Instant::now(), handover));
    }

    /// The thread is back.
    ///
    /// # Errors
    /// [`Superseded`] when somebody took the stream meanwhile.
    pub(crate) fn back(&self) -> Result<(), Superseded> {
        self.0.lock().take().map(drop).ok_or(Superseded)
    }

    /// Whether the thread has been away for longer than `patience`.
    pub(crate) fn is_stalled(&self, patience: Duration) -> bool {
        self.0.lock().as_ref().is_some_and(|(since, _)| since.elapsed() > patience)
    }

    /// Takes the stream from a thread that has been away for longer than `patience`.
    pub(crate) fn take_over(&self, patience: Duration) -> Option<Handover> {
        let mut away = self.0.lock();
        let stalled = away.as_ref().is_some_and(|(since, _)| since.elapsed() > patience);
        if stalled { away.take().map(|(_, handover)| handover) } else { None }
    }
}
