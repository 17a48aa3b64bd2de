//! Signs of life.

use heron_media::rtsp::Method;
use std::time::Duration;

/// When the camera does not say how long a session lives (RFC 2326 §12.37).
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
/// Not more often than this, however short a life the camera claims: some say one second and mean a minute.
const SHORTEST: Duration = Duration::from_secs(5);
/// Not more rarely than this: some forget sooner than they say.
const LONGEST: Duration = Duration::from_secs(30);

/// When to send which keep-alive.
#[derive(Clone, Debug)]
pub(super) struct KeepAlive {
    interval: Duration,
    due: Duration,
    /// Index into [`METHODS`] of the first one that was not refused.
    method: usize,
}

const METHODS: [Method; 3] = [Method::GetParameter, Method::SetParameter, Method::Options];

impl Default for KeepAlive {
    fn default() -> Self {
        Self { interval: DEFAULT_TIMEOUT / 2, due: DEFAULT_TIMEOUT / 2, method: 0 }
    }
}

impl KeepAlive {
    pub(super) fn session_timeout(&mut self, timeout: Option<Duration>) {
        if let Some(timeout) = timeout {
            self.interval = (timeout / 2).clamp(SHORTEST, LONGEST);
        }
    }
    pub(super) fn due(&self) -> Duration {
        self.due
    }
    pub(super) fn sent(&mut self, now: Duration) {
        self.due = now + self.interval;
    }
    pub(super) fn unanswered(&mut self, now: Duration) {
        // It was sent long ago; the next one is due at once when the interval is over.
        self.due = self.due.max(now);
    }
    /// The first method that has not been refused and that the camera claims to know, if it claims anything.
    pub(super) fn method(&mut self, public: &[Method]) -> Method {
        while self.method + 1 < METHODS.len() && !public.is_empty() && !public.contains(&METHODS[self.method])
        {
            self.method += 1;
        }
        METHODS[self.method].clone()
    }
    pub(super) fn refused(&mut self, method: &Method) {
        if METHODS[self.method] == *method && self.method + 1 < METHODS.len() {
            self.method += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_half_the_timeout_within_reason() {
        for (timeout, interval) in
            [(Some(60), 30), (Some(20), 10), (Some(1), 5), (Some(3600), 30), (None, 30)]
        {
            let mut k = KeepAlive::default();
            k.session_timeout(timeout.map(Duration::from_secs));
            k.sent(Duration::from_secs(100));
            assert_eq!(k.due(), Duration::from_secs(100 + interval), "{timeout:?}");
        }
    }

    #[test]
    fn methods_fall_back_and_never_run_out() {
        let mut k = KeepAlive::default();
        assert_eq!(k.method(&[]), Method::GetParameter);
        k.refused(&Method::GetParameter);
        assert_eq!(k.method(&[]), Method::SetParameter);
        k.refused(&Method::GetParameter);
        assert_eq!(k.method(&[]), Method::SetParameter, "an old refusal changes nothing");
        k.refused(&Method::SetParameter);
        k.refused(&Method::Options);
        assert_eq!(k.method(&[]), Method::Options);
        assert_eq!(KeepAlive::default().method(&[Method::Describe, Method::Options]), Method::Options);
    }
}
