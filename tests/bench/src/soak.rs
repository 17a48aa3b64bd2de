//! `bench soak`: many cameras for a long time, and nothing lost.
//!
//! At the end every camera is told to stop between two pictures, the daemon to write what it has and to end; then the
//! pictures in the files are counted and compared with what the simulator says it sent. Meanwhile, every few seconds,
//! memory and the high-water marks of all queues are read from `/metrics`.

use crate::contenders::herond;
use crate::http;
use crate::process::Usage;
use crate::simulator::{Sending, Sent, Simulator};
use crate::{Place, clip, table};
use anyhow::{Context, Result};
use clap::Args;
use heron_core::TrackKind;
use heron_media::mp4::scan;
use serde::Serialize;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long the daemon may take to write what is left after the cameras have stopped: a fragment that does not go on
/// is written after 1.5 s.
const LAST_WRITES: Duration = Duration::from_secs(4);

#[derive(Args)]
pub(crate) struct Options {
    /// Number of cameras.
    #[arg(long, default_value_t = 64)]
    cameras: usize,
    /// How the cameras send.
    #[arg(long, value_enum, default_value_t = Sending::Burst)]
    sending: Sending,
    /// How long.
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Seconds between two readings.
    #[arg(long, default_value_t = 5)]
    every: u64,
    /// Keep all files until the end (30 MB per camera and minute) instead of counting and deleting those that are
    /// complete.
    #[arg(long)]
    keep: bool,
}

/// A file that has not grown for so long is complete: an open one grows every second.
const COMPLETE_AFTER: Duration = Duration::from_secs(20);

/// A queue's high-water mark.
#[derive(Clone, Debug, Serialize)]
struct Queue {
    what: &'static str,
    peak: f64,
    bound: f64,
}

/// One reading.
#[derive(Serialize)]
struct Sample {
    seconds: f64,
    usage: Usage,
    held_bytes: f64,
    load_average: f64,
    /// Of the machine's processor time since the last reading, what was left idle: 0 to 1.
    idle: f64,
}

/// What `target/bench/soak.json` holds.
#[derive(Serialize)]
struct Report {
    cameras: usize,
    sending: Sending,
    minutes: f64,
    sent: Sent,
    frames_in_files: u64,
    frames_before_first_key_frame: u64,
    files: u64,
    files_not_whole: u64,
    packets_lost: f64,
    overrun_units: f64,
    cpu_seconds_per_stream_hour: f64,
    queues: Vec<Queue>,
    samples: Vec<Sample>,
}

pub(crate) fn soak(place: &Place, options: &Options) -> Result<()> {
    let clip = clip::make(place)?;
    let dir = tempfile::tempdir_in(&place.results)?;
    let mut simulator = Simulator::start(place, &clip, options.cameras, options.sending, dir.path())?;
    let mut box_ = herond::start(&herond::ours(place), dir.path(), &simulator.urls())?;
    eprintln!("{} cameras for {} minutes ...", options.cameras, options.minutes);
    let begun = Instant::now();
    let mut samples = Vec::new();
    let mut ticks = processor_ticks()?;
    let mut counted = Counted::default();
    let footage = dir.path().join("footage");
    while begun.elapsed().as_secs_f64() < options.minutes * 60.0 {
        std::thread::sleep(Duration::from_secs(options.every.max(1)));
        box_.group.check()?;
        let metrics = Metrics::read(box_.port)?;
        let now = processor_ticks()?;
        let load = std::fs::read_to_string("/proc/loadavg")?;
        samples.push(Sample {
            seconds: begun.elapsed().as_secs_f64(),
            usage: box_.group.usage()?,
            held_bytes: metrics.sum("hub_used_bytes"),
            load_average: load.split(' ').next().and_then(|l| l.parse().ok()).unwrap_or(0.0),
            idle: (now.0 - ticks.0) as f64 / (now.1 - ticks.1).max(1) as f64,
        });
        ticks = now;
        if !options.keep {
            counted.take(&footage, COMPLETE_AFTER)?;
        }
    }
    let (seconds, usage) = (begun.elapsed().as_secs_f64(), box_.group.usage()?);
    simulator.stall()?;
    std::thread::sleep(LAST_WRITES);
    let sent = simulator.sent()?;
    let metrics = Metrics::read(box_.port)?;
    drop(box_);
    counted.take(&footage, Duration::ZERO)?;
    let report = Report {
        cameras: options.cameras,
        sending: options.sending,
        minutes: seconds / 60.0,
        sent,
        frames_in_files: counted.frames,
        frames_before_first_key_frame: metrics.sum("stream_before_key_frame_total") as u64,
        files: counted.files,
        files_not_whole: counted.not_whole,
        packets_lost: metrics.sum("stream_packets_lost_total"),
        overrun_units: metrics.sum("recording_overrun_units_total"),
        cpu_seconds_per_stream_hour: usage.cpu_seconds / seconds * 3600.0 / options.cameras as f64,
        queues: vec![
            Queue {
                what: "largest ring, bytes",
                peak: metrics.most("ring_peak_bytes"),
                bound: metrics.most("ring_limit_bytes"),
            },
            Queue {
                what: "all rings, bytes",
                peak: metrics.sum("hub_peak_bytes"),
                bound: metrics.sum("hub_limit_bytes"),
            },
            Queue {
                what: "notes for the catalogue",
                peak: metrics.sum("record_notes_peak"),
                bound: metrics.sum("record_notes_limit"),
            },
        ],
        samples,
    };
    print(&report);
    table::save(place, "soak", &[report])
}

/// What `/metrics` said.
struct Metrics(String);

impl Metrics {
    fn read(port: u16) -> Result<Self> {
        let answer = http::Connection::open(port, None)?.get("/metrics", None)?;
        Ok(Self(String::from_utf8_lossy(&answer.body).into_owned()))
    }

    fn values(&self, name: &str) -> impl Iterator<Item = f64> {
        let full = format!("heron_{name}");
        self.0.lines().filter_map(move |line| {
            let rest = line.strip_prefix(&full)?;
            rest.starts_with(['{', ' ']).then(|| rest.rsplit(' ').next()?.parse::<f64>().ok())?
        })
    }

    fn sum(&self, name: &str) -> f64 {
        self.values(name).sum()
    }

    fn most(&self, name: &str) -> f64 {
        self.values(name).fold(0.0, f64::max)
    }
}

/// Idle and all ticks of the machine's processors since it was started (proc(5), `stat`).
fn processor_ticks() -> Result<(u64, u64)> {
    let text = std::fs::read_to_string("/proc/stat")?;
    let line = text.lines().next().context("/proc/stat is empty")?;
    let ticks: Vec<u64> = line.split_whitespace().skip(1).filter_map(|t| t.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal
    let idle = ticks.iter().skip(3).take(2).sum();
    Ok((idle, ticks.iter().take(8).sum()))
}

#[derive(Default)]
struct Counted {
    files: u64,
    not_whole: u64,
    frames: u64,
}

impl Counted {
    /// Counts the pictures in the files under `dir` that have not grown for `age`, and deletes them.
    fn take(&mut self, dir: &Path, age: Duration) -> Result<()> {
        let mut folders = vec![dir.to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder)?.flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|e| e == "mp4")
                    && entry.metadata()?.modified()?.elapsed().unwrap_or_default() >= age
                {
                    let found = scan::scan(&std::fs::File::open(&path)?);
                    self.files += 1;
                    self.not_whole += u64::from(found.problem.is_some());
                    let samples = found.fragments.iter().filter_map(|f| f.track(TrackKind::Video));
                    self.frames += samples.map(|t| u64::from(t.samples)).sum::<u64>();
                    std::fs::remove_file(&path)?;
                }
            }
        }
        Ok(())
    }
}

fn print(report: &Report) {
    let missing = report.sent.whole as i64
        - report.frames_in_files as i64
        - report.frames_before_first_key_frame as i64;
    let anonymous = |from: f64, to: f64| {
        let within = report.samples.iter().filter(|s| (from..to).contains(&s.seconds));
        let values: Vec<u64> = within.map(|s| s.usage.anonymous_bytes).collect();
        values.iter().sum::<u64>() as f64 / values.len().max(1) as f64 / 1_048_576.0
    };
    let end = report.samples.last().map_or(0.0, |s| s.seconds);
    let most = |value: &dyn Fn(&Sample) -> f64| report.samples.iter().map(value).fold(0.0, f64::max);
    let idle = report.samples.iter().map(|s| s.idle).sum::<f64>() / report.samples.len().max(1) as f64;
    let row = |what: &str, value: String| vec![what.to_owned(), value];
    table::print(
        &["what", "value"],
        &[
            row("cameras, minutes", format!("{}, {:.1}", report.cameras, report.minutes)),
            row("frames sent", report.sent.whole.to_string()),
            row("frames in files", report.frames_in_files.to_string()),
            row("before the first key frame", report.frames_before_first_key_frame.to_string()),
            row("missing", missing.to_string()),
            row("thrown away by the simulator", report.sent.dropped.to_string()),
            row("connections", report.sent.sessions.to_string()),
            row("packets lost, units overrun", format!("{}, {}", report.packets_lost, report.overrun_units)),
            row("files, not whole", format!("{}, {}", report.files, report.files_not_whole)),
            row("CPU s per stream-hour", format!("{:.2}", report.cpu_seconds_per_stream_hour)),
            row("anonymous MiB, second minute", format!("{:.1}", anonymous(60.0, 120.0))),
            row("anonymous MiB, last minute", format!("{:.1}", anonymous(end - 60.0, end + 1.0))),
            row(
                "anonymous MiB, most",
                format!("{:.1}", most(&|s| s.usage.anonymous_bytes as f64) / 1_048_576.0),
            ),
            row("load, most", format!("{:.1}", most(&|s| s.load_average))),
            row("processors idle, mean", format!("{:.0} %", idle * 100.0)),
        ],
    );
    println!();
    let cells = report.queues.iter().map(|q| {
        let share = if q.bound > 0.0 { q.peak / q.bound * 100.0 } else { 0.0 };
        vec![q.what.to_owned(), format!("{:.0}", q.peak), format!("{:.0}", q.bound), format!("{share:.1} %")]
    });
    table::print(&["queue", "high-water mark", "bound", "share"], &cells.collect::<Vec<_>>());
}
