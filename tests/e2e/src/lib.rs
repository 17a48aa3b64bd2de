//! # End-to-end tests
//!
//! Simulated cameras in this process, the real `herond` as a child process with its state in a temporary folder,
//! HTTP and WebSocket over real sockets, and ffmpeg to look into what comes out. The tests are in `tests/`.
//!
//! ## Invariants
//! 1. Nothing sleeps and hopes: [`eventually`] polls a condition and fails with the last thing it saw.
//! 2. Every child is stopped when its handle is dropped, also when a test fails.
//! 3. What was written is judged by programs no one here wrote (ffprobe, ffmpeg).

pub mod footage;
pub mod herond;
pub mod picture;

use std::time::{Duration, Instant};

/// Polls `probe` until it yields a value; panics with what it last said after `limit`.
///
/// # Panics
/// When `limit` passes: the message has `what` and the last answer.
pub async fn eventually<T, F>(what: &str, limit: Duration, mut probe: F) -> T
where
    F: AsyncFnMut() -> Result<T, String>,
{
    let begun = Instant::now();
    loop {
        match probe().await {
            Ok(value) => return value,
            Err(last) => assert!(begun.elapsed() < limit, "{what}: not within {limit:?}; last seen: {last}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
