//! Our own daemon, release build, as it is shipped.

use crate::Place;
use crate::process::{self, Group};
use anyhow::{Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is left free on the disk: less than on a real box, so that a disk that is nearly full does for a benchmark.
const RESERVE_BYTES: u64 = 256 << 20;

/// A running daemon.
pub(crate) struct Herond {
    pub(crate) group: Group,
    /// Its web port.
    pub(crate) port: u16,
    /// What claims it.
    pub(crate) claim_token: String,
}

/// The build that the benchmarks were made with.
pub(crate) fn ours(place: &Place) -> PathBuf {
    place.programs.join("herond")
}

/// Starts `program` with `urls` as main streams.
pub(crate) fn start(program: &Path, dir: &Path, urls: &[String]) -> Result<Herond> {
    let cameras: Vec<_> = urls
        .iter()
        .enumerate()
        .map(|(i, url)| serde_json::json!({ "name": format!("Camera {i}"), "source": url }))
        .collect();
    start_with(program, dir, &cameras)
}

/// Starts it with these cameras, as `POST /cameras` takes them.
pub(crate) fn start_with(program: &Path, dir: &Path, cameras: &[serde_json::Value]) -> Result<Herond> {
    let provision = dir.join("cameras.json");
    fs::write(&provision, serde_json::to_vec(cameras)?)?;
    let (configuration, _) = configure(dir)?;
    let output = Command::new(program)
        .arg("--config")
        .arg(&configuration)
        .arg("provision")
        .arg(&provision)
        .output()?;
    if !output.status.success() {
        bail!("herond provision failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    run(program, dir)
}

/// Starts it on what lies in `dir`.
pub(crate) fn run(program: &Path, dir: &Path) -> Result<Herond> {
    let (configuration, port) = configure(dir)?;
    let mut group = Group::new();
    group.start(Command::new(program).arg("--config").arg(&configuration), &dir.join("herond.log"))?;
    process::wait_for_port(port, &mut group)?;
    // Gone once the box has been claimed.
    let claim_token = fs::read_to_string(dir.join("data").join("claim-token")).unwrap_or_default();
    Ok(Herond { group, port, claim_token: claim_token.trim().to_owned() })
}

/// Writes its configuration, with a free port.
fn configure(dir: &Path) -> Result<(PathBuf, u16)> {
    let port = process::free_port()?;
    let configuration = dir.join("heron.toml");
    fs::write(
        &configuration,
        format!(
            "data_dir = {:?}\nvolumes = [{{ path = {:?}, reserve_bytes = {RESERVE_BYTES} }}]\n\
             [http]\nlisten = \"127.0.0.1:{port}\"\n",
            dir.join("data"),
            dir.join("footage")
        ),
    )?;
    Ok((configuration, port))
}
