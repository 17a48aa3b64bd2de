//! Looking into what was recorded, with ffmpeg: decoded luma, and the time code that drawn cameras burn in.

use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::Command;

/// What ffprobe says of a file, as JSON; an error when it complains about anything.
///
/// # Errors
/// When ffprobe fails or warns.
pub fn probe(file: &Path) -> Result<serde_json::Value> {
    let output = Command::new("ffprobe")
        .args(["-v", "warning", "-print_format", "json", "-show_format", "-show_streams", "-count_packets"])
        .arg(file)
        .output()
        .context("ffprobe cannot be started")?;
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success() && complaints.is_empty(), "ffprobe of {}: {complaints}", file.display());
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The first `frames` pictures of a file as luma planes with their width, as ffmpeg decodes and presents them
/// (edit lists applied).
///
/// # Errors
/// When ffmpeg fails.
pub fn luma(file: &Path, frames: usize) -> Result<(usize, Vec<Vec<u8>>)> {
    let shown = probe(file)?;
    let video = shown["streams"]
        .as_array()
        .and_then(|s| s.iter().find(|s| s["codec_type"] == "video"))
        .context("the file has no video")?
        .clone();
    let size = |name: &str| video[name].as_u64().and_then(|v| usize::try_from(v).ok()).context("no size");
    let (width, height) = (size("width")?, size("height")?);
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(file)
        .args(["-map", "0:v:0", "-frames:v", &frames.to_string(), "-fps_mode", "passthrough"])
        .args(["-f", "rawvideo", "-pix_fmt", "gray", "-"])
        .output()
        .context("ffmpeg cannot be started")?;
    ensure!(output.status.success(), "ffmpeg: {}", String::from_utf8_lossy(&output.stderr));
    Ok((width, output.stdout.chunks_exact(width * height).map(<[u8]>::to_vec).collect()))
}

/// Decodes a whole file; an error when a single picture of it is damaged.
///
/// # Errors
/// When ffmpeg fails or complains.
pub fn decodes(file: &Path) -> Result<()> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-xerror", "-err_detect", "explode", "-i"])
        .arg(file)
        .args(["-map", "0:v:0", "-f", "null", "-"])
        .output()
        .context("ffmpeg cannot be started")?;
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success() && complaints.is_empty(), "ffmpeg of {}: {complaints}", file.display());
    Ok(())
}
