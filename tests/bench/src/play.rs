//! `bench play`: how soon and how cheaply recorded footage comes back.

use crate::contenders::herond;
use crate::http::{Answer, Connection};
use crate::process::{self, Group};
use crate::{Place, clip, table};
use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Serialize;
use std::process::Command;
use std::time::{Duration, Instant};

#[derive(Args)]
pub(crate) struct Options {
    /// Seconds to record before measuring.
    #[arg(long, default_value_t = 70)]
    record: u64,
    /// Requests of each kind.
    #[arg(long, default_value_t = 20)]
    requests: usize,
}

/// One kind of request, all its runs.
#[derive(Serialize)]
struct Row {
    what: &'static str,
    requests: usize,
    bytes: usize,
    first_byte_ms: Vec<f64>,
    total_ms: Vec<f64>,
    server_cpu_ms_each: f64,
    clip_seconds: Option<f64>,
}

pub(crate) fn play(place: &Place, options: &Options) -> Result<()> {
    let clip = clip::make(place)?;
    let dir = tempfile::tempdir_in(&place.results)?;
    let rtsp = process::free_port()?;
    let mut simulator = Group::new();
    let mut command = Command::new(place.programs.join("heron-sim"));
    command
        .args(["--rtsp", &format!("127.0.0.1:{rtsp}"), "--cameras", "1", "--burst"])
        .arg("--footage")
        .arg(&clip);
    simulator.start(&mut command, &dir.path().join("sim.log"))?;
    process::wait_for_port(rtsp, &mut simulator)?;
    let box_ =
        herond::start(&herond::ours(place), dir.path(), &[format!("rtsp://127.0.0.1:{rtsp}/cam1/main")])?;
    let claim = serde_json::json!({
        "claim_token": box_.claim_token, "username": "bench", "password": "measure twice, cut once",
    });
    let claimed = Connection::open(box_.port, None)?.post("/api/v1/setup", &claim)?.json()?;
    let token = claimed["access_token"].as_str().context("no access token")?.to_owned();
    eprintln!("recording for {} s ...", options.record);
    std::thread::sleep(Duration::from_secs(options.record));
    let mut connection = Connection::open(box_.port, Some(&token))?;

    let cameras = connection.get("/api/v1/cameras", None)?.json()?;
    let camera = cameras["items"][0]["id"].as_str().context("no camera")?.to_owned();
    let (start, end, seconds) = covered(&mut connection, &camera)?;
    let span = format!("start={start}&end={end}");
    let video = format!("/api/v1/cameras/{camera}/video.mp4?{span}");
    let playlist = format!("/api/v1/cameras/{camera}/playback.m3u8?{span}");
    let whole = connection.get(&video, None)?;
    if whole.status != 200 {
        bail!("video.mp4 answered {}: {}", whole.status, String::from_utf8_lossy(&whole.body));
    }
    let middle = whole.body.len() / 2;
    let middle = format!("{middle}-{}", middle + 65_535);
    let mut rows = vec![
        repeat(options, &box_, "video.mp4, whole", Some(seconds), || connection.get(&video, None))?,
        repeat(options, &box_, "video.mp4, first 64 KiB", None, || connection.get(&video, Some("0-65535")))?,
        repeat(options, &box_, "video.mp4, 64 KiB in the middle", None, || {
            connection.get(&video, Some(&middle))
        })?,
    ];
    rows.push(repeat(options, &box_, "playback.m3u8 and its first segment", None, || {
        let begun = Instant::now();
        let text = connection.get(&playlist, None)?;
        let (uri, range) = first_segment(&String::from_utf8_lossy(&text.body), &playlist)?;
        let mut segment = connection.get(&uri, range.as_deref())?;
        segment.first_byte = begun.elapsed() - (segment.total - segment.first_byte);
        segment.total = begun.elapsed();
        Ok(segment)
    })?);
    rows.push(repeat(options, &box_, "timeline of a day", None, || {
        let day = format!("start={}T00:00:00Z&end={}T23:59:59Z&bin=60000", &start[..10], &start[..10]);
        connection.get(&format!("/api/v1/cameras/{camera}/timeline?{day}"), None)
    })?);
    print(&rows);
    table::save(place, "play", &rows)
}

/// The longest covered span of the main stream, as query values, and its length in seconds.
fn covered(connection: &mut Connection, camera: &str) -> Result<(String, String, f64)> {
    let now = connection.get("/api/v1/system", None)?.json()?;
    let day = now["time"].as_str().and_then(|t| t.split('T').next()).context("no time")?.to_owned();
    let path = format!("/api/v1/cameras/{camera}/timeline?start={day}T00:00:00Z&end={day}T23:59:59Z");
    let timeline = connection.get(&path, None)?.json()?;
    let spans = timeline["spans"].as_array().context("no spans")?;
    spans
        .iter()
        .filter(|s| s["stream"] == "main")
        .filter_map(|s| {
            let (start, end) = (s["start"].as_str()?, s["end"].as_str()?);
            Some((start.to_owned(), end.to_owned(), (millis(end)? - millis(start)?) / 1000.0))
        })
        .max_by(|a, b| a.2.total_cmp(&b.2))
        .context("nothing was recorded")
}

/// Milliseconds within the day of an RFC 3339 UTC time; enough to subtract two of one day.
fn millis(time: &str) -> Option<f64> {
    let clock = time.split_once('T')?.1.trim_end_matches('Z');
    let mut parts = clock.split(':').map(|p| p.parse::<f64>().ok());
    let (h, m, s) = (parts.next()??, parts.next()??, parts.next()??);
    Some(((h * 60.0 + m) * 60.0 + s) * 1000.0)
}

fn first_segment(playlist: &str, base: &str) -> Result<(String, Option<String>)> {
    let mut range = None;
    for line in playlist.lines() {
        if let Some(value) = line.strip_prefix("#EXT-X-BYTERANGE:") {
            let (length, offset) = value.split_once('@').unwrap_or((value, "0"));
            let (length, offset): (u64, u64) = (length.parse()?, offset.parse()?);
            range = Some(format!("{offset}-{}", offset + length - 1));
        } else if !line.starts_with('#') && !line.is_empty() {
            let uri = if line.starts_with('/') {
                line.to_owned()
            } else {
                let folder = base.split('?').next().and_then(|p| p.rsplit_once('/')).map_or("", |(f, _)| f);
                format!("{folder}/{line}")
            };
            return Ok((uri, range));
        }
    }
    bail!("the playlist has no segment:\n{playlist}")
}

fn repeat(
    options: &Options,
    box_: &herond::Herond,
    what: &'static str,
    clip_seconds: Option<f64>,
    mut request: impl FnMut() -> Result<Answer>,
) -> Result<Row> {
    let mut row = Row {
        what,
        requests: options.requests,
        bytes: 0,
        first_byte_ms: Vec::new(),
        total_ms: Vec::new(),
        server_cpu_ms_each: 0.0,
        clip_seconds,
    };
    let begin = box_.group.usage()?;
    for _ in 0..options.requests {
        let answer = request()?;
        if !(200..300).contains(&answer.status) {
            bail!("{what} answered {}: {}", answer.status, String::from_utf8_lossy(&answer.body));
        }
        row.bytes = answer.body.len();
        row.first_byte_ms.push(answer.first_byte.as_secs_f64() * 1e3);
        row.total_ms.push(answer.total.as_secs_f64() * 1e3);
    }
    let end = box_.group.usage()?;
    row.server_cpu_ms_each = (end.cpu_seconds - begin.cpu_seconds) * 1e3 / options.requests as f64;
    Ok(row)
}

fn print(rows: &[Row]) {
    let median = |values: &[f64]| {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
    };
    let most = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
    let cells = rows.iter().map(|row| {
        let total = median(&row.total_ms);
        vec![
            row.what.to_owned(),
            row.bytes.to_string(),
            format!("{:.2}", median(&row.first_byte_ms)),
            format!("{:.2}", most(&row.first_byte_ms)),
            format!("{total:.2}"),
            row.clip_seconds.map_or_else(|| "-".to_owned(), |s| format!("{:.0} x", s * 1e3 / total)),
            format!("{:.1}", row.server_cpu_ms_each),
        ]
    });
    table::print(
        &["request", "bytes", "first byte ms p50", "max", "total ms p50", "times real time", "server CPU ms"],
        &cells.collect::<Vec<_>>(),
    );
}
