//! Keeps the summaries of days complete (`catalogue::summarise`), behind everything else that wants the database.

use crate::catalogue;
use crate::shared::Shared;
use std::time::{Duration, Instant};

/// Between two looks for days that are over or have changed. A timeline reads their rows until then.
const LOOK: Duration = Duration::from_secs(600);
/// Between two transactions of a few milliseconds while there is something to do: 90 days of 64 cameras, which only an
/// import or an upgrade brings at once, are 720 of them and done after half a minute.
const BREATH: Duration = Duration::from_millis(30);

/// The thread's body.
pub(crate) fn run(shared: &Shared) {
    let mut heard = 0;
    let mut next = Instant::now();
    while !shared.is_stopping() {
        if Instant::now() >= next {
            let today = shared.clock.now();
            next = match shared.store.write_blocking(move |tx| catalogue::summarise(tx, today)) {
                Ok(0) => Instant::now() + LOOK,
                Ok(_) => Instant::now() + BREATH,
                Err(error) => {
                    tracing::warn!(%error, "days could not be summarised; timelines of months take longer");
                    Instant::now() + LOOK
                }
            };
        }
        shared.wait(&mut heard, next.saturating_duration_since(Instant::now()));
    }
}
