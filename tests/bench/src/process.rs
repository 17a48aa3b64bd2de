//! Processes under measurement: started, read from `/proc`, stopped.

use anyhow::{Context, Result, bail};
use serde::Serialize;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A group of child processes that is stopped when dropped.
pub(crate) struct Group {
    children: Vec<Child>,
}

/// What `/proc` said of a group at one moment; counters are since the processes began.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Usage {
    pub(crate) cpu_seconds: f64,
    pub(crate) anonymous_bytes: u64,
    pub(crate) resident_bytes: u64,
    pub(crate) context_switches: u64,
    pub(crate) write_calls: u64,
    pub(crate) threads: u64,
}

impl Group {
    pub(crate) fn new() -> Self {
        Self { children: Vec::new() }
    }

    /// Starts `command` with its output in `log`.
    pub(crate) fn start(&mut self, command: &mut Command, log: &Path) -> Result<()> {
        let out = fs::File::create(log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        self.children.push(child);
        Ok(())
    }

    /// An error if one of them has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        for child in &mut self.children {
            if let Some(status) = child.try_wait()? {
                bail!("process {} ended by itself with {status}", child.id());
            }
        }
        Ok(())
    }

    /// Adds up what all of them have used.
    pub(crate) fn usage(&self) -> Result<Usage> {
        let mut sum = Usage::default();
        for child in &self.children {
            sum.add(child.id())?;
        }
        Ok(sum)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for child in &self.children {
            if let Some(pid) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            }
        }
        let begun = Instant::now();
        for child in &mut self.children {
            while begun.elapsed() < Duration::from_secs(10) && matches!(child.try_wait(), Ok(None)) {
                std::thread::sleep(Duration::from_millis(20));
            }
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Usage {
    fn add(&mut self, pid: u32) -> Result<()> {
        let read = |name: &str| {
            fs::read_to_string(format!("/proc/{pid}/{name}"))
                .with_context(|| format!("process {pid} is gone"))
        };
        // proc(5): fields after the parenthesised name; utime and stime are the 12th and 13th of them, in ticks.
        let stat = read("stat")?;
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |i: usize| fields.get(i).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
        self.cpu_seconds += (ticks(11) + ticks(12)) / rustix::param::clock_ticks_per_second() as f64;
        let rollup = read("smaps_rollup")?;
        self.anonymous_bytes += kib(&rollup, "Anonymous:") * 1024;
        self.resident_bytes += kib(&rollup, "Rss:") * 1024;
        self.write_calls += kib(&read("io")?, "syscw:");
        for task in fs::read_dir(format!("/proc/{pid}/task"))?.flatten() {
            let Ok(status) = fs::read_to_string(task.path().join("status")) else { continue };
            self.context_switches +=
                kib(&status, "voluntary_ctxt_switches:") + kib(&status, "nonvoluntary_ctxt_switches:");
            self.threads += 1;
        }
        Ok(())
    }
}

/// The number after `label` at the start of a line.
fn kib(text: &str, label: &str) -> u64 {
    text.lines()
        .find_map(|l| l.strip_prefix(label))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|n| n.parse().ok())
        .unwrap_or(0)
}

/// A free local TCP port.
pub(crate) fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Waits until something answers at a local TCP port.
pub(crate) fn wait_for_port(port: u16, group: &mut Group) -> Result<()> {
    let begun = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        group.check()?;
        if begun.elapsed() > Duration::from_secs(30) {
            bail!("nothing listens at port {port} after 30 s");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Bytes of all files under `dir`.
pub(crate) fn bytes_under(dir: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    entries
        .flatten()
        .map(|e| match e.metadata() {
            Ok(m) if m.is_dir() => bytes_under(&e.path()),
            Ok(m) => m.len(),
            Err(_) => 0,
        })
        .sum()
}
