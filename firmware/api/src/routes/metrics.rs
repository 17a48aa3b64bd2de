//! `/metrics`: Prometheus text (exposition format 0.0.4), written by hand: two dozen families need no registry.

use super::camera_status::counts;
use super::system::memory_bytes;
use crate::state::App;
use axum::extract::State;
use axum::http::{HeaderName, header};
use heron_core::{StreamKey, StreamKind};
use std::fmt::{Display, Write};

/// Counters and gauges for Prometheus
///
/// For programs on this machine, or with a token.
#[utoipa::path(get, path = "/metrics", tag = "health", responses(
    (status = 200, body = String, content_type = "text/plain", description = "Prometheus text format 0.0.4"),
))]
pub(crate) async fn get(State(app): State<App>) -> ([(HeaderName, &'static str); 1], String) {
    let mut text = Text::default();
    box_metrics(&app, &mut text, memory_bytes().await);
    stream_metrics(&app, &mut text);
    ring_metrics(&app, &mut text);
    recorder_metrics(&app, &mut text);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text.0)
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP heron_{name} {help}\n# TYPE heron_{name} {kind}");
    }
    /// `labels` are pairs; values are escaped.
    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let _ = write!(self.0, "heron_{name}");
        for (i, (label, text)) in labels.iter().enumerate() {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{}{label}=\"{text}\"", if i == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }
    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }
}

fn box_metrics(app: &App, text: &mut Text, memory: u64) {
    text.family("build_info", "gauge", "Always 1; the label says the version.");
    text.sample("build_info", &[("version", &app.identity.version)], 1);
    let uptime = app.clock.now().saturating_since(app.identity.started).as_secs();
    text.one("uptime_seconds", "gauge", "Since the daemon started.", uptime);
    text.one("memory_resident_bytes", "gauge", "Resident set of the daemon.", memory);
    text.one("hub_used_bytes", "gauge", "Held by all stream rings.", app.hub.used_bytes());
    text.one("hub_limit_bytes", "gauge", "The most that stream rings may hold.", app.hub.limit_bytes());
    text.one("hub_peak_bytes", "gauge", "The most ever held by all stream rings.", app.hub.peak_bytes());
    text.one(
        "hub_given_way_total",
        "counter",
        "Rings made smaller because all together held too much.",
        app.hub.given_way(),
    );
    text.family("http_answers_total", "counter", "Answers by class of status.");
    for class in 1..=5 {
        text.sample("http_answers_total", &[("class", &format!("{class}xx"))], app.counters().answers(class));
    }
    let live = app.live.statistics();
    text.one("live_viewers", "gauge", "Live viewers now.", live.viewers);
    text.one("live_streams", "gauge", "Streams with live viewers now.", live.streams);
    text.one(
        "live_skipped_frames_total",
        "counter",
        "Frames left out for slow viewers.",
        live.skipped_frames,
    );
    let by_state = counts(app);
    text.family("streams", "gauge", "Streams of all cameras by state.");
    for (state, count) in [
        ("online", by_state.online),
        ("connecting", by_state.connecting),
        ("unreachable", by_state.unreachable),
        ("disabled", by_state.disabled),
    ] {
        text.sample("streams", &[("state", state)], count);
    }
}

/// Streams with a report.
fn stream_metrics(app: &App, text: &mut Text) {
    let mut rows = Vec::new();
    for camera in app.cameras.all() {
        for kind in StreamKind::ALL {
            if let Some(report) = app.ingest.statistics(StreamKey::new(camera.id, kind)) {
                rows.push((camera.id.to_string(), kind.as_str(), report));
            }
        }
    }
    let mut family =
        |name: &str, kind: &str, help: &str, value: &dyn Fn(&heron_ingest::StreamReport) -> f64| {
            text.family(name, kind, help);
            for (camera, stream, report) in &rows {
                text.sample(name, &[("camera", camera), ("stream", stream)], value(report));
            }
        };
    family("stream_bit_rate", "gauge", "Received, bits per second.", &|s| s.link.bit_rate.0 as f64);
    family("stream_frame_rate", "gauge", "Video access units per second.", &|s| f64::from(s.link.frame_rate));
    family("stream_access_units_total", "counter", "Access units received.", &|s| s.link.access_units as f64);
    family("stream_packets_received_total", "counter", "RTP packets of this connection.", &|s| {
        s.link.packets_received as f64
    });
    family("stream_packets_lost_total", "counter", "RTP packets of this connection that never came.", &|s| {
        s.link.packets_lost as f64
    });
    family("stream_jitter_ms", "gauge", "Interarrival jitter of the video track.", &|s| {
        f64::from(s.link.jitter_ms)
    });
    family("stream_before_key_frame_total", "counter", "Access units before the first key frame.", &|s| {
        s.counters.before_key_frame as f64
    });
    family("stream_over_rate_total", "counter", "Access units dropped: more than any camera makes.", &|s| {
        s.counters.over_rate as f64
    });
    family("stream_reconnects_total", "counter", "Connections made, less one.", &|s| {
        f64::from(s.link.reconnects)
    });
}

/// Each stream's ring.
fn ring_metrics(app: &App, text: &mut Text) {
    let rows: Vec<_> = app.hub.streams().iter().map(|s| (s.key(), s.statistics())).collect();
    let mut family =
        |name: &str, kind: &str, help: &str, value: &dyn Fn(&heron_hub::RingStatistics) -> u64| {
            text.family(name, kind, help);
            for (key, ring) in &rows {
                let camera = key.camera.to_string();
                text.sample(name, &[("camera", &camera), ("stream", key.kind.as_str())], value(ring));
            }
        };
    family("ring_bytes", "gauge", "Held by the stream's ring.", &|r| r.depth_bytes as u64);
    family("ring_peak_bytes", "gauge", "The most ever held by the stream's ring.", &|r| r.peak_bytes as u64);
    family("ring_limit_bytes", "gauge", "The most that the stream's ring may hold.", &|r| {
        r.limit_bytes as u64
    });
    family("ring_overruns_total", "counter", "Times that the recorder was overrun.", &|r| r.pinned_overruns);
}

fn recorder_metrics(app: &App, text: &mut Text) {
    let notes = app.recorder.notes();
    text.one("record_notes", "gauge", "Notes that wait for the catalogue.", notes.waiting);
    text.one("record_notes_peak", "gauge", "The most notes that ever waited.", notes.most);
    text.one("record_notes_limit", "gauge", "The most notes that may wait.", notes.limit);
    text.one("record_notes_given_up_total", "counter", "Notes that could not be kept.", notes.given_up);
    let mut rows = Vec::new();
    for camera in app.cameras.all() {
        for kind in StreamKind::ALL {
            if let Some(status) = app.recorder.status(StreamKey::new(camera.id, kind)) {
                rows.push((camera.id.to_string(), kind.as_str(), status));
            }
        }
    }
    let mut family =
        |name: &str, kind: &str, help: &str, value: &dyn Fn(&heron_record::StreamStatus) -> f64| {
            text.family(name, kind, help);
            for (camera, stream, status) in &rows {
                text.sample(name, &[("camera", camera), ("stream", stream)], value(status));
            }
        };
    family("recording", "gauge", "1 while footage of the stream is written.", &|s| {
        f64::from(u8::from(s.recording_since.is_some()))
    });
    family("recording_bytes_total", "counter", "Written since the daemon started.", &|s| {
        s.bytes_written as f64
    });
    family("recording_queue_units", "gauge", "Access units not yet taken by the recorder.", &|s| {
        s.queue_depth as f64
    });
    family(
        "recording_overrun_units_total",
        "counter",
        "Access units lost because the disk was too slow.",
        &|s| s.overrun_units as f64,
    );
    text.family("volume_ok", "gauge", "1 when the volume can be recorded to.");
    for volume in app.recorder.volumes() {
        let path = volume.path.display().to_string();
        text.sample("volume_ok", &[("path", &path)], u8::from(volume.state == heron_record::VolumeState::Ok));
    }
    text.family("volume_write_errors_total", "counter", "Failed writes and syncs.");
    for volume in app.recorder.volumes() {
        let path = volume.path.display().to_string();
        text.sample("volume_write_errors_total", &[("path", &path)], volume.write_errors);
    }
    text.family("volume_sync_errors_total", "counter", "Failed syncs.");
    for volume in app.recorder.volumes() {
        let path = volume.path.display().to_string();
        text.sample("volume_sync_errors_total", &[("path", &path)], volume.sync_errors);
    }
    text.family("volume_write_latency_ms", "gauge", "Writes and syncs of the last minute.");
    for volume in app.recorder.volumes() {
        let path = volume.path.display().to_string();
        for (of, value) in [("mean", volume.latency.mean_ms), ("max", volume.latency.max_ms)] {
            text.sample("volume_write_latency_ms", &[("path", &path), ("of", of)], value);
        }
    }
    text.family("volume_disk_warning", "gauge", "0 well or unknown, 1 warning, 2 failing.");
    for volume in app.recorder.volumes() {
        let path = volume.path.display().to_string();
        let verdict = volume.health.map_or(0, |h| h.verdict as u8);
        text.sample("volume_disk_warning", &[("path", &path)], verdict);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_and_families_are_announced() {
        let mut text = Text::default();
        text.one("a", "gauge", "Help.", 1);
        text.sample("b", &[("x", "q\"\\\n"), ("y", "z")], 2.5);
        assert_eq!(
            text.0,
            "# HELP heron_a Help.\n# TYPE heron_a gauge\nheron_a 1\nheron_b{x=\"q\\\"\\\\\\n\",y=\"z\"} 2.5\n"
        );
    }
}
