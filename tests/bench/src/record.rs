//! `bench record`: what recording costs.
//!
//! Each contender records the same N simulated cameras (its own simulator process, its own folder) for a warm-up and a
//! window: one after the other, or with `--together` all at the same time, so that whatever else the machine does
//! hits all of them alike. `--repeats` does the whole several times and prints medians. CPU is user and system time
//! of the recorder's processes over the window; memory is read at its end; frames lost are those that the simulator
//! had to throw away because the recorder did not read.

use crate::contenders::Contender;
use crate::process::{self, Group, Usage};
use crate::simulator::{Sending, Sent, Simulator};
use crate::{Place, clip, table};
use anyhow::Result;
use clap::Args;
use serde::Serialize;
use std::path::Path;
use std::time::{Duration, Instant};

#[derive(Args)]
pub(crate) struct Options {
    /// Numbers of cameras.
    #[arg(long, value_delimiter = ',', default_values_t = [16, 32])]
    cameras: Vec<usize>,
    /// How the cameras send.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Sending::Burst, Sending::Packet])]
    sending: Vec<Sending>,
    /// Seconds before the window.
    #[arg(long, default_value_t = 8)]
    warm_up: u64,
    /// Seconds of the window.
    #[arg(long, default_value_t = 45)]
    window: u64,
    /// All contenders at the same time.
    #[arg(long)]
    together: bool,
    /// How often to measure everything; medians are printed.
    #[arg(long, default_value_t = 1)]
    repeats: usize,
    /// Only these contenders.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
}

/// One contender's raw figures.
#[derive(Serialize)]
struct Row {
    sending: Sending,
    cameras: usize,
    contender: &'static str,
    /// Which repeat, from 1.
    run: usize,
    window_seconds: f64,
    begin: Usage,
    end: Usage,
    bytes_on_disk: u64,
    frames_sent: u64,
    frames_lost: u64,
    load_average: f64,
}

impl Row {
    fn per_stream_hour(&self) -> f64 {
        (self.end.cpu_seconds - self.begin.cpu_seconds) / self.window_seconds * 3600.0 / self.cameras as f64
    }

    fn rate(&self, end: u64, begin: u64) -> f64 {
        end.saturating_sub(begin) as f64 / self.window_seconds / self.cameras as f64
    }
}

pub(crate) fn record(place: &Place, options: &Options) -> Result<()> {
    let clip = clip::make(place)?;
    let contenders: Vec<Contender> = Contender::present()
        .into_iter()
        .filter(|c| options.only.is_empty() || options.only.iter().any(|o| o == c.name()))
        .collect();
    let mut rows = Vec::new();
    for run in 1..=options.repeats {
        for sending in &options.sending {
            for cameras in &options.cameras {
                let case = Case { sending: *sending, cameras: *cameras, run };
                let size = if options.together { contenders.len() } else { 1 };
                for at_once in contenders.chunks(size.max(1)) {
                    let names: Vec<_> = at_once.iter().map(|c| c.name()).collect();
                    eprintln!(
                        "{cameras} cameras, {sending:?}, {} ({run} of {}) ...",
                        names.join(" and "),
                        options.repeats
                    );
                    let started = at_once
                        .iter()
                        .map(|c| Contest::start(place, &clip, case, *c))
                        .collect::<Result<Vec<_>>>()?;
                    rows.extend(measure(started, options)?);
                }
            }
        }
    }
    print(&rows);
    table::save(place, "record", &rows)
}

/// What is measured.
#[derive(Clone, Copy)]
struct Case {
    sending: Sending,
    cameras: usize,
    run: usize,
}

/// A contender at work.
struct Contest {
    case: Case,
    contender: Contender,
    recorder: Group,
    simulator: Simulator,
    /// Goes last, when nobody writes into it any more.
    dir: tempfile::TempDir,
}

/// What a contender had done at one moment.
struct Moment {
    at: Instant,
    usage: Usage,
    bytes_on_disk: u64,
    frames: Sent,
}

impl Contest {
    fn start(place: &Place, clip: &Path, case: Case, contender: Contender) -> Result<Self> {
        let dir = tempfile::tempdir_in(&place.results)?;
        let simulator = Simulator::start(place, clip, case.cameras, case.sending, dir.path())?;
        let recorder = contender.start(place, dir.path(), &simulator.urls())?;
        Ok(Self { case, contender, recorder, simulator, dir })
    }

    fn moment(&mut self) -> Result<Moment> {
        self.recorder.check()?;
        let usage = self.recorder.usage()?;
        let at = Instant::now();
        Ok(Moment {
            at,
            usage,
            bytes_on_disk: process::bytes_under(self.dir.path()),
            frames: self.simulator.sent()?,
        })
    }
}

/// The rows of contenders that have been started, over one window.
fn measure(mut contests: Vec<Contest>, options: &Options) -> Result<Vec<Row>> {
    std::thread::sleep(Duration::from_secs(options.warm_up));
    let begin = contests.iter_mut().map(Contest::moment).collect::<Result<Vec<_>>>()?;
    std::thread::sleep(Duration::from_secs(options.window));
    let end = contests.iter_mut().map(Contest::moment).collect::<Result<Vec<_>>>()?;
    let load = std::fs::read_to_string("/proc/loadavg")?;
    let load_average = load.split(' ').next().and_then(|l| l.parse().ok()).unwrap_or(0.0);
    let rows = contests.iter().zip(begin.iter().zip(&end)).map(|(contest, (begin, end))| Row {
        sending: contest.case.sending,
        cameras: contest.case.cameras,
        contender: contest.contender.name(),
        run: contest.case.run,
        window_seconds: (end.at - begin.at).as_secs_f64(),
        begin: begin.usage,
        end: end.usage,
        bytes_on_disk: end.bytes_on_disk.saturating_sub(begin.bytes_on_disk),
        frames_sent: end.frames.whole - begin.frames.whole,
        frames_lost: end.frames.dropped - begin.frames.dropped,
        load_average,
    });
    Ok(rows.collect())
}

/// The middle one of some values.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

/// All rows of one contender at one number of cameras.
fn print(rows: &[Row]) {
    let mut groups: Vec<Vec<&Row>> = Vec::new();
    for row in rows {
        let same = |g: &&mut Vec<&Row>| {
            g.first().is_some_and(|f| {
                (f.sending, f.cameras, f.contender) == (row.sending, row.cameras, row.contender)
            })
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(row),
            None => groups.push(vec![row]),
        }
    }
    // In the order of the cases; contenders in the order in which they were first measured.
    groups.sort_by_key(|g| g.first().map(|f| (f.sending == Sending::Packet, f.cameras)));
    let peer = |row: &Row| {
        rows.iter().find(|r| {
            r.contender == "moonfire" && (r.sending, r.cameras, r.run) == (row.sending, row.cameras, row.run)
        })
    };
    let cells = groups.iter().filter_map(|group| {
        let first = group.first()?;
        let of = |value: &dyn Fn(&Row) -> f64| median(group.iter().map(|row| value(row)));
        let cpu = group.iter().map(|r| r.per_stream_hour());
        let (least, most) = cpu.fold((f64::MAX, 0.0_f64), |(l, m), v| (l.min(v), m.max(v)));
        let ratio = of(&|r| peer(r).map_or(f64::NAN, |m| r.per_stream_hour() / m.per_stream_hour()));
        let per_stream_mib = |bytes: u64| bytes as f64 / 1_048_576.0 / first.cameras as f64;
        let sum = |value: &dyn Fn(&Row) -> u64| group.iter().map(|row| value(row)).sum::<u64>();
        Some(vec![
            format!("{:?}", first.sending).to_lowercase(),
            first.cameras.to_string(),
            first.contender.to_owned(),
            format!("{:.2}", of(&Row::per_stream_hour)),
            if group.len() > 1 { format!("{least:.2} to {most:.2}") } else { "-".to_owned() },
            if ratio.is_nan() { "-".to_owned() } else { format!("{ratio:.2}") },
            format!("{:.2}", of(&|r| per_stream_mib(r.end.anonymous_bytes))),
            format!("{:.2}", of(&|r| per_stream_mib(r.end.resident_bytes))),
            format!("{:.1}", of(&|r| r.rate(r.end.context_switches, r.begin.context_switches))),
            format!("{:.2}", of(&|r| r.rate(r.end.write_calls, r.begin.write_calls))),
            format!(
                "{:.2}",
                of(&|r| r.bytes_on_disk as f64 * 8.0 / 1e6 / r.window_seconds / r.cameras as f64)
            ),
            format!("{} of {}", sum(&|r| r.frames_lost), sum(&|r| r.frames_sent)),
            format!("{:.0}", of(&|r| r.end.threads as f64)),
            format!("{:.1}", of(&|r| r.load_average)),
        ])
    });
    table::print(
        &[
            "sending",
            "cameras",
            "recorder",
            "CPU s per stream-hour",
            "least to most",
            "vs Moonfire",
            "anon MiB/stream",
            "RSS MiB/stream",
            "ctx sw/stream/s",
            "writes/stream/s",
            "Mbit/s on disk",
            "frames lost",
            "threads",
            "load",
        ],
        &cells.collect::<Vec<_>>(),
    );
}
