//! What the camera register says is what runs.
//!
//! One task owns the difference between the two: it reads the register and the settings when either changes, and
//! ingest's notices as they come, and tells `ingest` and `record` what follows.

use crate::rooms::{Rooms, tell};
use heron_cameras::{Camera, RecordMode, Transport};
use heron_core::{CameraId, EventDraft, Severity, StreamKey, StreamKind};
use heron_ingest::{Ingest, Notice, StreamSpec, TransportChoice};
use heron_record::{RecordPolicy, Recorder, RetentionRules, StreamSituation, WeekPlan};
use heron_settings::Scope;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Keeps what runs in step with what is registered, until `stop`.
pub(crate) struct Supervisor {
    pub(crate) rooms: Arc<Rooms>,
    pub(crate) ingest: Arc<Ingest>,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) running: BTreeMap<StreamKey, Wanted>,
}

/// What a stream is to be.
#[derive(Clone, PartialEq)]
pub(crate) struct Wanted {
    /// How to reach it; `None` while the camera is disabled.
    link: Option<Link>,
    policy: RecordPolicy,
}

#[derive(Clone, PartialEq)]
struct Link {
    url: String,
    username: String,
    password: String,
    transport: TransportChoice,
}

impl Supervisor {
    /// Runs until `stop`.
    pub(crate) async fn run(mut self, mut notices: mpsc::Receiver<Notice>, stop: CancellationToken) {
        let mut registered = self.rooms.cameras.changes();
        let mut set = self.rooms.settings.changes();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                Ok(()) = registered.changed() => self.follow(),
                Ok(()) = set.changed() => self.follow(),
                Some(notice) = notices.recv() => self.hear(&notice),
                else => return,
            }
        }
    }

    /// Compares what is registered with what runs, and makes it so.
    pub(crate) fn follow(&mut self) {
        self.follow_retention();
        let wanted: BTreeMap<StreamKey, Wanted> =
            self.rooms.cameras.all().iter().flat_map(|camera| self.streams_of(camera)).collect();
        let gone: Vec<StreamKey> = self.running.keys().filter(|k| !wanted.contains_key(k)).copied().collect();
        for key in gone {
            self.ingest.remove_stream(key);
            self.recorder.remove(key);
        }
        for (key, now) in &wanted {
            let before = self.running.get(key);
            if before == Some(now) {
                continue;
            }
            self.recorder.set_policy(*key, now.policy.clone());
            if before.is_some_and(|b| b.link == now.link) {
                continue;
            }
            self.connect(*key, now.link.as_ref());
        }
        self.running = wanted;
    }

    /// How long the footage of each camera is kept; of cameras that are no more, what the system and customer say.
    fn follow_retention(&mut self) {
        let settings = &self.rooms.settings;
        let rules = |chain: &[Scope]| RetentionRules::from_settings(&settings.effective(chain));
        self.recorder.set_retention(None, rules(&[Scope::System, Scope::Customer]));
        let cameras = self.rooms.cameras.all();
        for camera in self.running.keys().map(|k| k.camera) {
            if !cameras.iter().any(|c| c.id == camera) {
                self.recorder.forget_retention(camera);
            }
        }
        for camera in cameras {
            let chain = [Scope::System, Scope::Customer, Scope::Site(camera.site), Scope::Camera(camera.id)];
            self.recorder.set_retention(Some(camera.id), rules(&chain));
        }
    }

    fn connect(&self, key: StreamKey, link: Option<&Link>) {
        let Some(link) = link else {
            self.ingest.remove_stream(key);
            self.recorder.stream_state(key, StreamSituation::Disabled);
            return;
        };
        self.recorder.stream_state(key, StreamSituation::Connecting);
        let spec = StreamSpec::new(key, &link.url)
            .credentials(&link.username, &link.password)
            .transport(link.transport);
        if let Err(error) = self.ingest.add_stream(spec) {
            tracing::error!(stream = %key, %error, "the stream cannot be taken in");
        }
    }

    fn streams_of(&self, camera: &Arc<Camera>) -> Vec<(StreamKey, Wanted)> {
        let set = self.rooms.settings.effective(&[
            Scope::System,
            Scope::Customer,
            Scope::Site(camera.site),
            Scope::Camera(camera.id),
        ]);
        let credentials = match self.rooms.cameras.credentials(camera.id) {
            Ok(credentials) => credentials,
            Err(error) => {
                tracing::error!(camera = %camera.id, %error, "the camera is tried without its password");
                None
            }
        };
        let link = |kind: StreamKind, shown: &url::Url| {
            camera.enabled.then(|| Link {
                url: match self.rooms.cameras.address(camera.id, kind) {
                    Ok(whole) => whole.as_ref().unwrap_or(shown).to_string(),
                    Err(error) => {
                        tracing::error!(camera = %camera.id, %error, "the camera is tried without the password in its address");
                        shown.to_string()
                    }
                },
                username: credentials.as_ref().map(|c| c.username.clone()).unwrap_or_default(),
                password: credentials.as_ref().map(|c| c.password.to_string()).unwrap_or_default(),
                transport: match (camera.transport, set.text("ingest.transport")) {
                    (Transport::Tcp, _) | (Transport::Auto, "tcp") => TransportChoice::Tcp,
                    (Transport::Udp, _) | (Transport::Auto, "udp") => TransportChoice::Udp,
                    (Transport::Tls, _) => TransportChoice::Tls,
                    (Transport::Auto, _) => TransportChoice::Auto,
                },
            })
        };
        let record = camera.record.effective(&set);
        let plan = camera
            .record
            .schedule
            .clone()
            .map(|schedule| Arc::new(WeekPlan { schedule, zone: self.zone_of(camera) }));
        let policy = |mode: RecordMode| RecordPolicy {
            mode,
            plan: plan.clone().filter(|_| mode == RecordMode::Schedule),
            pre_roll: Duration::from_secs(record.pre_roll_s.into()),
            post_roll: Duration::from_secs(record.post_roll_s.into()),
            events: camera.record.events.as_slice().into(),
        };
        let mut streams = vec![(
            StreamKey::new(camera.id, StreamKind::Main),
            Wanted { link: link(StreamKind::Main, &camera.source), policy: policy(record.main) },
        )];
        if let Some(sub) = &camera.sub_source {
            streams.push((
                StreamKey::new(camera.id, StreamKind::Sub),
                Wanted { link: link(StreamKind::Sub, sub), policy: policy(record.sub) },
            ));
        }
        streams
    }

    /// The clock that a camera's schedule goes by.
    fn zone_of(&self, camera: &Camera) -> TimeZone {
        let sites = self.rooms.cameras.sites();
        let name = sites.iter().find(|s| s.id == camera.site).map_or("UTC", |s| s.timezone.as_str());
        TimeZone::get(name).unwrap_or_else(|error| {
            tracing::error!(camera = %camera.id, %error, "the site's time zone is not known; its schedule goes by UTC");
            TimeZone::UTC
        })
    }

    /// Tells the recorder why there are pictures or none, and people what they should know.
    fn hear(&self, notice: &Notice) {
        let key = notice.key();
        let situation = match notice {
            Notice::Online { .. } | Notice::Recovered { .. } => StreamSituation::Online,
            Notice::Lost { .. } | Notice::AttemptFailed { .. } | Notice::Unreachable { .. } => {
                StreamSituation::Unreachable
            }
        };
        if self.running.get(&key).is_some_and(|w| w.link.is_some()) {
            self.recorder.stream_state(key, situation);
        }
        if let Some(draft) = self.event_of(notice) {
            tell(&self.rooms.events, draft);
        }
    }

    fn event_of(&self, notice: &Notice) -> Option<EventDraft> {
        let camera = notice.key().camera;
        let stream = notice.key().kind;
        let name = self.name_of(camera);
        let draft = |kind, severity, at| EventDraft::new(kind, severity, at, "ingest").camera(camera);
        match notice {
            Notice::Unreachable { at, since, failed_attempts, failure, .. } => Some(
                draft("camera.unreachable", Severity::High, *at)
                    .text(format!("{name} cannot be reached since {since}: {}", failure.detail))
                    .detail(serde_json::json!({
                        "stream": stream, "reason": failure.reason, "since": since,
                        "failed_attempts": failed_attempts,
                    })),
            ),
            Notice::Recovered { at, since, .. } => Some(
                draft("camera.recovered", Severity::Standard, *at)
                    .text(format!("{name} is back; it had been away since {since}."))
                    .detail(serde_json::json!({ "stream": stream, "since": since })),
            ),
            Notice::Lost { at, failure, .. } => Some(
                draft("camera.lost", Severity::Medium, *at)
                    .text(format!("{name}: {}", failure.detail))
                    .detail(serde_json::json!({ "stream": stream, "reason": failure.reason })),
            ),
            Notice::Online { .. } | Notice::AttemptFailed { .. } => None,
        }
    }

    fn name_of(&self, camera: CameraId) -> String {
        self.rooms.cameras.get(camera).map_or_else(|_| camera.to_string(), |c| c.name.clone())
    }
}
