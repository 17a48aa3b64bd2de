//! `bench record`: what recording costs.
//!
//! Each contender in turn records the same N simulated cameras (its own simulator process, its own folder) for a
//! warm-up and a window. CPU is user and system time of the recorder's processes over the window; memory is read
//! at its end; frames lost are those that the simulator had to throw away because the recorder did not read.

use crate::contenders::Contender;
use crate::process::{self, Group, Usage};
use crate::{Place, clip, http, table};
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::process::Command;
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
    /// Only these contenders.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
}

/// How a simulated camera writes to its socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum Sending {
    /// One send per frame.
    Burst,
    /// One send per RTP packet.
    Packet,
}

/// One contender's raw figures.
#[derive(Serialize)]
struct Row {
    sending: Sending,
    cameras: usize,
    contender: &'static str,
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
    for sending in &options.sending {
        for cameras in &options.cameras {
            for contender in &contenders {
                eprintln!("{} cameras, {sending:?}, {} ...", cameras, contender.name());
                rows.push(measure(place, &clip, options, *sending, *cameras, *contender)?);
            }
        }
    }
    print(&rows);
    table::save(place, "record", &rows)
}

fn measure(
    place: &Place,
    clip: &std::path::Path,
    options: &Options,
    sending: Sending,
    cameras: usize,
    contender: Contender,
) -> Result<Row> {
    let dir = tempfile::tempdir_in(&place.results)?;
    let rtsp = process::free_port()?;
    let control = process::free_port()?;
    let mut simulator = Group::new();
    let mut command = Command::new(place.programs.join("heron-sim"));
    command.args(["--rtsp", &format!("127.0.0.1:{rtsp}"), "--control", &format!("127.0.0.1:{control}")]);
    command.args(["--cameras", &cameras.to_string()]).arg("--footage").arg(clip);
    command.arg(if sending == Sending::Burst { "--burst" } else { "--packet" });
    simulator.start(&mut command, &dir.path().join("sim.log"))?;
    process::wait_for_port(rtsp, &mut simulator)?;
    let urls: Vec<String> = (1..=cameras).map(|n| format!("rtsp://127.0.0.1:{rtsp}/cam{n}/main")).collect();
    let mut recorder = contender.start(place, dir.path(), &urls)?;
    std::thread::sleep(Duration::from_secs(options.warm_up));
    recorder.check()?;
    let sent_before = sent(control, cameras)?;
    let bytes_before = process::bytes_under(dir.path());
    let begin = recorder.usage()?;
    let begun = Instant::now();
    std::thread::sleep(Duration::from_secs(options.window));
    recorder.check()?;
    let end = recorder.usage()?;
    let window_seconds = begun.elapsed().as_secs_f64();
    let bytes_on_disk = process::bytes_under(dir.path()).saturating_sub(bytes_before);
    let sent_after = sent(control, cameras)?;
    let load = std::fs::read_to_string("/proc/loadavg")?;
    Ok(Row {
        sending,
        cameras,
        contender: contender.name(),
        window_seconds,
        begin,
        end,
        bytes_on_disk,
        frames_sent: sent_after.0 - sent_before.0,
        frames_lost: sent_after.1 - sent_before.1,
        load_average: load.split(' ').next().and_then(|l| l.parse().ok()).unwrap_or(0.0),
    })
}

/// Video frames sent, and frames thrown away because a client's socket stayed full, over all cameras.
fn sent(control: u16, cameras: usize) -> Result<(u64, u64)> {
    let mut connection = http::Connection::open(control, None)?;
    let mut sum = (0, 0);
    for camera in 1..=cameras {
        let counters = connection.get(&format!("/cameras/{camera}/counters"), None)?.json()?;
        let video = &counters["main"]["video"];
        sum.0 += video["frames"].as_u64().context("the simulator counts no frames")?;
        sum.1 += video["frames_dropped"].as_u64().context("the simulator counts no dropped frames")?;
    }
    Ok(sum)
}

fn print(rows: &[Row]) {
    let cells = rows.iter().map(|row| {
        let moonfire = rows
            .iter()
            .find(|r| r.contender == "moonfire" && r.sending == row.sending && r.cameras == row.cameras)
            .map_or_else(
                || "-".to_owned(),
                |m| format!("{:.2}", row.per_stream_hour() / m.per_stream_hour()),
            );
        let per_stream_mib = |bytes: u64| bytes as f64 / 1_048_576.0 / row.cameras as f64;
        vec![
            format!("{:?}", row.sending).to_lowercase(),
            row.cameras.to_string(),
            row.contender.to_owned(),
            format!("{:.2}", row.per_stream_hour()),
            moonfire,
            format!("{:.2}", per_stream_mib(row.end.anonymous_bytes)),
            format!("{:.2}", per_stream_mib(row.end.resident_bytes)),
            format!("{:.1}", row.rate(row.end.context_switches, row.begin.context_switches)),
            format!("{:.2}", row.rate(row.end.write_calls, row.begin.write_calls)),
            format!("{:.2}", row.bytes_on_disk as f64 * 8.0 / 1e6 / row.window_seconds / row.cameras as f64),
            format!("{} of {}", row.frames_lost, row.frames_sent),
            row.end.threads.to_string(),
            format!("{:.1}", row.load_average),
        ]
    });
    table::print(
        &[
            "sending",
            "cameras",
            "recorder",
            "CPU s per stream-hour",
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
