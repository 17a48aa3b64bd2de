//! `bench catalogue`: a quarter's recordings of a large box. How soon the daemon is up on them, and how soon it says what
//! there is.
//!
//! The database is made by the daemon itself (its migrations, its triggers); the rows are those that it would have written,
//! in the order in which it would have. Of the files only names are needed, and only of the newest day: that is what the
//! daemon compares at its start.

use crate::contenders::herond::{self, Herond};
use crate::http::Connection;
use crate::{Place, table};
use anyhow::{Context, Result, bail};
use clap::Args;
use rusqlite::Connection as Database;
use serde::Serialize;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

const MINUTE_NS: i64 = 60 * 1_000_000_000;
const DAY_MINUTES: i64 = 24 * 60;

#[derive(Args)]
pub(crate) struct Options {
    /// Cameras, each with one recorded stream.
    #[arg(long, default_value_t = 64)]
    cameras: usize,
    /// Days of one-minute segments.
    #[arg(long, default_value_t = 90)]
    days: i64,
    /// Requests of each kind.
    #[arg(long, default_value_t = 20)]
    requests: usize,
    /// Starts of the daemon.
    #[arg(long, default_value_t = 3)]
    starts: usize,
    /// Keep the box here, and use the one that is there: making it takes minutes.
    #[arg(long)]
    at: Option<PathBuf>,
}

#[derive(Serialize)]
struct Row {
    what: String,
    bytes: usize,
    milliseconds: Vec<f64>,
    /// What it should be at most.
    wanted_ms: Option<f64>,
    segments: i64,
}

pub(crate) fn catalogue(place: &Place, options: &Options) -> Result<()> {
    let temporary = tempfile::tempdir_in(&place.results)?;
    let dir = options.at.clone().unwrap_or_else(|| temporary.path().to_path_buf());
    let made = dir.join("made");
    if !made.exists() {
        fs::create_dir_all(&dir)?;
        make(place, options, &dir)?;
        fs::write(&made, b"")?;
    }
    let database = dir.join("data").join("heron.db");
    let segments = Database::open(&database)?
        .query_row("SELECT sum(segments) FROM record_total", (), |r| r.get(0))
        .context("no rows")?;
    let mut rows = Vec::new();
    let cold = forget_page_cache();
    if !cold {
        eprintln!("a cold start is left out: the page cache can only be dropped by root");
    }
    rows.extend(cold.then(|| start(place, &dir, 1, "start, nothing of it in memory")).transpose()?);
    rows.push(start(place, &dir, options.starts, "start")?);
    let box_ = herond::run(&herond::ours(place), &dir)?;
    // A token is good for minutes, and making the box may take longer.
    let login = serde_json::json!({ "username": "bench", "password": "measure twice, cut once" });
    let login = Connection::open(box_.port, None)?.post("/api/v1/auth/login", &login)?.json()?;
    let token = login["access_token"].as_str().context("no access token")?;
    let mut connection = Connection::open(box_.port, Some(token))?;
    let cameras = connection.get("/api/v1/cameras?limit=1", None)?.json()?;
    let camera = cameras["items"][0]["id"].as_str().context("no camera")?.to_owned();
    rows.extend(timelines(&mut connection, options, &camera, ", days not summarised yet")?);
    wait_for_summaries(&database, options)?;
    rows.extend(timelines(&mut connection, options, &camera, "")?);
    rows.push(repeat(&mut connection, options, "storage", "/api/v1/storage", None)?);
    let memory = box_.group.usage()?;
    drop(box_);
    for row in &mut rows {
        row.segments = segments;
    }
    print(&rows, segments, fs::metadata(&database)?.len());
    println!(
        "memory: {} MiB, of which not files {} MiB",
        memory.resident_bytes >> 20,
        memory.anonymous_bytes >> 20
    );
    table::save(place, "catalogue", &rows)
}

/// Whether it could be dropped.
fn forget_page_cache() -> bool {
    fs::write("/proc/sys/vm/drop_caches", "1").is_ok()
}

/// Starts and stops the daemon; how long it takes until it says that it is ready.
fn start(place: &Place, dir: &Path, times: usize, what: &str) -> Result<Row> {
    let mut milliseconds = Vec::new();
    for _ in 0..times {
        let begun = Instant::now();
        let box_ = herond::run(&herond::ours(place), dir)?;
        loop {
            let answer = Connection::open(box_.port, None)?.get("/health/live", None)?;
            if answer.status == 200 {
                break;
            }
            if begun.elapsed() > Duration::from_secs(60) {
                bail!("it is not up after a minute: {}", String::from_utf8_lossy(&answer.body));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        milliseconds.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    Ok(Row { what: what.to_owned(), bytes: 0, milliseconds, wanted_ms: Some(2000.0), segments: 0 })
}

fn timelines(connection: &mut Connection, options: &Options, camera: &str, note: &str) -> Result<Vec<Row>> {
    let now = now_ns();
    let mut rows = Vec::new();
    for (what, days, bin_s, wanted) in [
        ("a day, bins of a minute", 1, 60, 20.0),
        ("90 days, bins of an hour", 90, 3600, 100.0),
        ("90 days, bins of a quarter of an hour", 90, 900, 100.0),
    ] {
        let end = now - 30 * 60 * 1_000_000_000;
        let start = end - days.min(options.days) * DAY_MINUTES * MINUTE_NS;
        let path = format!(
            "/api/v1/cameras/{camera}/timeline?start={}&end={}&bin={}",
            rfc3339(start),
            rfc3339(end),
            bin_s * 1000
        );
        rows.push(repeat(connection, options, &format!("timeline of {what}{note}"), &path, Some(wanted))?);
    }
    Ok(rows)
}

fn repeat(
    connection: &mut Connection,
    options: &Options,
    what: &str,
    path: &str,
    wanted_ms: Option<f64>,
) -> Result<Row> {
    let mut row = Row { what: what.to_owned(), bytes: 0, milliseconds: Vec::new(), wanted_ms, segments: 0 };
    for _ in 0..options.requests {
        let answer = connection.get(path, None)?;
        if answer.status != 200 {
            bail!("{what} answered {}: {}", answer.status, String::from_utf8_lossy(&answer.body));
        }
        row.bytes = answer.body.len();
        row.milliseconds.push(answer.total.as_secs_f64() * 1e3);
    }
    Ok(row)
}

/// The daemon summarises days that are over in the background.
fn wait_for_summaries(database: &Path, options: &Options) -> Result<()> {
    let database = Database::open(database)?;
    let begun = Instant::now();
    let wanted = options.cameras as i64 * (options.days - 1);
    loop {
        let made: i64 = database.query_row("SELECT count(*) FROM record_day", (), |r| r.get(0))?;
        if made >= wanted {
            eprintln!("{made} days are summarised after {:.0} s", begun.elapsed().as_secs_f64());
            return Ok(());
        }
        if begun.elapsed() > Duration::from_secs(300) {
            bail!("{made} of {wanted} days are summarised after five minutes");
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Makes the box.
fn make(place: &Place, options: &Options, dir: &Path) -> Result<()> {
    eprintln!("making a box with {} cameras and {} days ...", options.cameras, options.days);
    let begun = Instant::now();
    let cameras: Vec<serde_json::Value> = (0..options.cameras)
        .map(|n| serde_json::json!({ "name": format!("Camera {n:02}"), "source": "rtsp://127.0.0.1:9/main", "enabled": false }))
        .collect();
    let box_: Herond = herond::start_with(&herond::ours(place), dir, &cameras)?;
    let claim = serde_json::json!({
        "claim_token": box_.claim_token, "username": "bench", "password": "measure twice, cut once",
    });
    let claimed = Connection::open(box_.port, None)?.post("/api/v1/setup", &claim)?.json()?;
    let token = claimed["access_token"].as_str().context("no access token")?.to_owned();
    let mut connection = Connection::open(box_.port, Some(&token))?;
    let mut ids = Vec::new();
    let listed = connection.get("/api/v1/cameras?limit=500", None)?.json()?;
    for item in listed["items"].as_array().context("no cameras")? {
        ids.push(item["id"].as_str().context("a camera without id")?.to_owned());
    }
    drop((connection, box_));
    fill(dir, options, &ids)?;
    eprintln!("made in {:.0} s", begun.elapsed().as_secs_f64());
    Ok(())
}

/// The rows of all cameras, minute by minute, and the names of the newest day's files.
fn fill(dir: &Path, options: &Options, cameras: &[String]) -> Result<()> {
    let mut database = Database::open(dir.join("data").join("heron.db"))?;
    database.execute_batch(
        "PRAGMA synchronous = OFF; PRAGMA cache_size = -400000; PRAGMA wal_autocheckpoint = 20000",
    )?;
    let transaction = database.transaction()?;
    {
        let volume: i64 = transaction.query_row("SELECT id FROM record_volume", (), |r| r.get(0))?;
        transaction.execute(
            "INSERT INTO record_format(codecs, video, metadata, width, height) VALUES ('avc1.4d0028', 'h264', 0, 1920, 1080)",
            (),
        )?;
        let format = transaction.last_insert_rowid();
        let mut streams = Vec::new();
        for camera in cameras {
            transaction.execute(
                "INSERT INTO record_stream(camera, kind) VALUES (?1, 'main') ON CONFLICT DO NOTHING",
                [camera],
            )?;
            streams.push(transaction.query_row(
                "SELECT id FROM record_stream WHERE camera = ?1 AND kind = 'main'",
                [camera],
                |r| r.get::<_, i64>(0),
            )?);
        }
        let mut segment = transaction.prepare(
            "INSERT INTO record_segment(stream, volume, start_ns, end_ns, suffix, bytes, init_bytes, frames, format, state)
             VALUES (?1, ?2, ?3, ?4, 0, ?5, 900, 1500, ?6, 1)",
        )?;
        let mut gap = transaction
            .prepare("INSERT INTO record_gap(stream, start_ns, end_ns, reason) VALUES (?1, ?2, ?3, 'camera_unreachable')")?;
        let last = now_ns() / MINUTE_NS - 1;
        let first = last - options.days * DAY_MINUTES;
        let today = last / DAY_MINUTES * DAY_MINUTES;
        for minute in first..last {
            for (n, stream) in streams.iter().enumerate() {
                let of = |minute: i64| minute * MINUTE_NS + phase(n, minute);
                let (start, end) = (of(minute), of(minute + 1));
                // About one outage of a minute a day and camera.
                if (minute * 7919 + n as i64 * 104_729) % DAY_MINUTES == 0 {
                    gap.execute((stream, start, end))?;
                    continue;
                }
                segment.execute((stream, volume, start, end, 30_000_000 + start % 1_000_003, format))?;
                if minute >= today {
                    touch(dir, &cameras[n], start)?;
                }
            }
        }
    }
    transaction.commit()?;
    database.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
    Ok(())
}

/// Where in the minute a camera's files begin: cameras differ, and minutes do by some milliseconds.
fn phase(camera: usize, minute: i64) -> i64 {
    let of_camera = (camera as i64 * 618_034) % 1_000_000 * 59_000;
    of_camera + (minute * 40_503 % 1000) * 900_000
}

fn touch(dir: &Path, camera: &str, start: i64) -> Result<()> {
    let time = rfc3339(start);
    let (day, clock) = time.trim_end_matches('Z').split_once('T').context("no time")?;
    let folder = dir.join("footage").join("recordings").join(camera).join(day);
    let path = folder.join(format!("{}Z-main.mp4", clock.replace(':', "")));
    if fs::write(&path, b"").is_err() {
        fs::create_dir_all(&folder)?;
        fs::write(&path, b"")?;
    }
    Ok(())
}

fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |d| i64::try_from(d.as_nanos()).unwrap_or(i64::MAX))
}

/// RFC 3339, UTC, milliseconds (Howard Hinnant's civil-from-days).
fn rfc3339(ns: i64) -> String {
    let ms = ns.div_euclid(1_000_000);
    let (days, ms) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (day, month) = (doy - (153 * mp + 2) / 5 + 1, if mp < 10 { mp + 3 } else { mp - 9 });
    let year = yoe + era * 400 + i64::from(month <= 2);
    let (s, ms) = (ms / 1000, ms % 1000);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{ms:03}Z", s / 3600, s / 60 % 60, s % 60)
}

fn print(rows: &[Row], segments: i64, bytes: u64) {
    println!("{segments} segments, a database of {} MiB", bytes >> 20);
    let cells = rows.iter().map(|row| {
        let mut sorted = row.milliseconds.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |i: usize| sorted.get(i).copied().unwrap_or(0.0);
        vec![
            row.what.clone(),
            row.bytes.to_string(),
            format!("{:.2}", at(sorted.len() / 2)),
            format!("{:.2}", at(sorted.len().saturating_sub(1))),
            row.wanted_ms.map_or_else(|| "-".to_owned(), |w| format!("{w:.0}")),
        ]
    });
    table::print(&["what", "bytes", "ms p50", "max", "wanted"], &cells.collect::<Vec<_>>());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_the_daemon_writes_them() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(1_795_167_857_123_456_789), "2026-11-20T09:44:17.123Z");
        assert_eq!(rfc3339(951_782_400_000_000_000), "2000-02-29T00:00:00.000Z");
    }
}
