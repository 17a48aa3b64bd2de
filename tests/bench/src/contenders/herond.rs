//! Our own daemon, release build, as it is shipped.

use crate::Place;
use crate::process::{self, Group};
use anyhow::{Context, Result, bail};
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
    let cameras: Vec<_> = urls
        .iter()
        .enumerate()
        .map(|(i, url)| serde_json::json!({ "name": format!("Camera {i}"), "source": url }))
        .collect();
    let provision = dir.join("cameras.json");
    fs::write(&provision, serde_json::to_vec(&cameras)?)?;
    let output = Command::new(program)
        .arg("--config")
        .arg(&configuration)
        .arg("provision")
        .arg(&provision)
        .output()?;
    if !output.status.success() {
        bail!("herond provision failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    let mut group = Group::new();
    group.start(Command::new(program).arg("--config").arg(&configuration), &dir.join("herond.log"))?;
    process::wait_for_port(port, &mut group)?;
    let claim_token = fs::read_to_string(dir.join("data").join("claim-token")).context("no claim token")?;
    Ok(Herond { group, port, claim_token: claim_token.trim().to_owned() })
}
