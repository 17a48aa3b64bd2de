//! One stream for as long as it is wanted: try, play, wait, try again.

use crate::ATTEMPTS_BEFORE_UNREACHABLE;
use crate::attempt::{self, Memory, Player, Surroundings};
use crate::backoff::Backoff;
use crate::failure::End;
use crate::observer::{Notice, Observer};
use crate::pace::Stop;
use crate::spec::StreamSpec;
use crate::statistics::{LinkMeter, Snapshot};
use crate::status::{LinkFacts, StreamStatus};
use crate::track::Instant;
use heron_core::{AccessUnit, StreamKey, StreamState, TrackKind, WallTime, link::Failure};
use heron_hub::StreamHub;
use heron_media::sdp::SessionDescription;
use std::sync::Arc;
use std::time::Duration;

/// Runs until `stop` is set.
pub(crate) async fn run(
    spec: StreamSpec,
    around: Surroundings,
    hub: Arc<StreamHub>,
    status: Arc<StreamStatus>,
    observer: Arc<dyn Observer>,
    stop: &Stop,
) {
    let mut player = StreamPlayer::new(spec.key, hub, status, observer, around.now());
    let mut backoff = Backoff::new(attempt::random());
    let mut memory = Memory::default();
    while !stop.is_set() {
        player.begin();
        let end = attempt::attempt(&spec, &around, &mut memory, stop, &mut player).await;
        if matches!(end, End::Stopped) || stop.is_set() {
            break;
        }
        let wait = player.ended(&end, &mut backoff, around.now());
        tokio::select! {
            () = stop.wait() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
    player.stopped(around.now());
}

/// Passes on what comes, and keeps the books of an outage.
struct StreamPlayer {
    key: StreamKey,
    hub: Arc<StreamHub>,
    status: Arc<StreamStatus>,
    observer: Arc<dyn Observer>,
    meter: LinkMeter,
    outage: Option<Outage>,
    online_since: Option<Instant>,
}

/// No pictures are coming.
#[derive(Clone, Copy, Debug)]
struct Outage {
    since: WallTime,
    failed_attempts: u32,
    told: bool,
}

impl StreamPlayer {
    fn new(
        key: StreamKey,
        hub: Arc<StreamHub>,
        status: Arc<StreamStatus>,
        observer: Arc<dyn Observer>,
        now: Instant,
    ) -> Self {
        let outage = Some(Outage { since: now.wall, failed_attempts: 0, told: false });
        Self { key, hub, status, observer, meter: LinkMeter::default(), outage, online_since: None }
    }

    /// A try begins.
    fn begin(&mut self) {
        // What the ring holds belongs to another connection.
        self.hub.restart();
    }

    fn online(&mut self, now: Instant) {
        self.meter.connected(now.monotonic);
        self.online_since = Some(now);
        self.publish(now, Some(StreamState::Online { since: now.wall }));
        self.observer.notice(Notice::Online { key: self.key, at: now.wall });
        if let Some(outage) = self.outage.take().filter(|o| o.told) {
            self.observer.notice(Notice::Recovered { key: self.key, at: now.wall, since: outage.since });
        }
        tracing::info!(stream = %self.key, "online");
    }

    /// A try has failed or a connection has ended: how long to wait before the next.
    fn ended(&mut self, end: &End, backoff: &mut Backoff, now: Instant) -> Duration {
        let failure = end.failure();
        let (key, at) = (self.key, now.wall);
        if let Some(since) = self.online_since.take() {
            backoff.played(now.monotonic.saturating_sub(since.monotonic));
            self.meter.disconnected();
            self.outage = Some(Outage { since: now.wall, failed_attempts: 0, told: false });
            tracing::warn!(stream = %key, reason = failure.reason.as_str(), "lost: {}", failure.detail);
            self.observer.notice(Notice::Lost { key, at, failure: failure.clone() });
            let state = StreamState::Connecting { failed_attempts: 0, last_failure: Some(failure.clone()) };
            self.publish(now, Some(state));
            return backoff.next(failure.reason);
        }
        let retry_in = backoff.next(failure.reason);
        let outage = self.outage.get_or_insert(Outage { since: at, failed_attempts: 0, told: false });
        outage.failed_attempts = outage.failed_attempts.saturating_add(1);
        let Outage { since, failed_attempts, told } = *outage;
        outage.told |= failed_attempts >= ATTEMPTS_BEFORE_UNREACHABLE;
        // The first failures are worth a line each; after that the notice says it once.
        if failed_attempts <= 3 {
            tracing::info!(stream = %key, failed_attempts, reason = failure.reason.as_str(), "try failed: {}", failure.detail);
        }
        self.observer.notice(Notice::AttemptFailed {
            key,
            at,
            failed_attempts,
            failure: failure.clone(),
            retry_in,
        });
        if failed_attempts >= ATTEMPTS_BEFORE_UNREACHABLE && !told {
            tracing::warn!(stream = %key, reason = failure.reason.as_str(), "unreachable: {}", failure.detail);
            self.observer.notice(Notice::Unreachable {
                key,
                at,
                since,
                failed_attempts,
                failure: failure.clone(),
            });
        }
        self.publish(now, Some(outage_state(since, failed_attempts, failure)));
        retry_in
    }

    fn stopped(&mut self, now: Instant) {
        self.meter.disconnected();
        self.online_since = None;
        self.publish(now, Some(StreamState::Disabled));
    }

    fn publish(&self, now: Instant, state: Option<StreamState>) {
        self.status.update(|status| {
            if let Some(state) = state {
                status.state = state;
            }
            status.link = self.meter.link().clone();
            status.counters = self.meter.counters();
            status.grade = self.meter.grade(now.monotonic);
        });
    }
}

fn outage_state(since: WallTime, failed_attempts: u32, failure: Failure) -> StreamState {
    if failed_attempts >= ATTEMPTS_BEFORE_UNREACHABLE {
        StreamState::Unreachable { since, failed_attempts, last_failure: failure }
    } else {
        StreamState::Connecting { failed_attempts, last_failure: Some(failure) }
    }
}

impl Player for StreamPlayer {
    fn playing(&mut self, facts: &LinkFacts, _description: Option<&SessionDescription>, _now: Instant) {
        self.status.update(|status| status.facts = facts.clone());
    }

    fn units(&mut self, units: &[Arc<AccessUnit>], now: Instant) {
        self.hub.push_batch(units);
        self.meter.units(units);
        if self.online_since.is_none() && units.iter().any(|u| u.track() == TrackKind::Video) {
            self.online(now);
        }
    }

    fn second(&mut self, snapshot: Snapshot, now: Instant) {
        self.meter.second(now.monotonic, snapshot);
        self.publish(now, None);
    }

    fn hurry(&self) -> bool {
        self.hub.viewers() > 0
    }

    fn finished(&self, _now: Instant) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heron_core::{CameraId, StreamKind};
    use heron_hub::{Hub, HubConfig};
    use parking_lot::Mutex;

    #[derive(Default)]
    struct Heard(Mutex<Vec<Notice>>);

    impl Observer for Heard {
        fn notice(&self, notice: Notice) {
            self.0.lock().push(notice);
        }
    }

    fn at(seconds: u64) -> Instant {
        Instant {
            wall: WallTime::from_millis(seconds as i64 * 1000),
            monotonic: Duration::from_secs(seconds),
        }
    }

    fn player() -> (StreamPlayer, Arc<Heard>, Arc<StreamStatus>) {
        let key = StreamKey::new(CameraId::generate(), StreamKind::Main);
        let (heard, status) = (Arc::new(Heard::default()), Arc::new(StreamStatus::default()));
        let hub = Hub::new(HubConfig::default()).stream(key);
        let player = StreamPlayer::new(key, hub, Arc::clone(&status), Arc::clone(&heard) as _, at(0));
        (player, heard, status)
    }

    fn count(heard: &Heard, wanted: fn(&Notice) -> bool) -> usize {
        heard.0.lock().iter().filter(|n| wanted(n)).count()
    }

    #[test]
    fn unreachable_and_recovered_are_told_once_per_outage() {
        let (mut player, heard, status) = player();
        let mut backoff = Backoff::new(1);
        for outage in 1..=2usize {
            for n in 1..=25u32 {
                player.ended(&End::Closed, &mut backoff, at(u64::from(n)));
                let told = count(&heard, |n| matches!(n, Notice::Unreachable { .. }));
                assert_eq!(told, if n >= ATTEMPTS_BEFORE_UNREACHABLE { outage } else { outage - 1 });
                let unreachable = matches!(status.get().state, StreamState::Unreachable { .. });
                assert_eq!(unreachable, n >= ATTEMPTS_BEFORE_UNREACHABLE);
            }
            player.online(at(100));
            assert_eq!(status.get().state, StreamState::Online { since: at(100).wall });
            assert_eq!(count(&heard, |n| matches!(n, Notice::Recovered { .. })), outage);
            // It ends: that is a loss, and no failed try.
            player.ended(&End::Silence, &mut backoff, at(200));
            assert_eq!(count(&heard, |n| matches!(n, Notice::Lost { .. })), outage);
            let StreamState::Connecting { failed_attempts: 0, .. } = status.get().state else {
                panic!("{:?}", status.get().state)
            };
        }
    }

    #[test]
    fn a_short_outage_is_not_worth_a_word() {
        let (mut player, heard, _) = player();
        let mut backoff = Backoff::new(1);
        for n in 1..ATTEMPTS_BEFORE_UNREACHABLE {
            player.ended(&End::Closed, &mut backoff, at(u64::from(n)));
        }
        player.online(at(60));
        assert_eq!(count(&heard, |n| matches!(n, Notice::Unreachable { .. } | Notice::Recovered { .. })), 0);
        assert_eq!(count(&heard, |n| matches!(n, Notice::Online { .. })), 1);
    }
}
