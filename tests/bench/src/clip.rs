//! The clip that the simulated cameras send: made once by ffmpeg, the same for every contender.

use crate::Place;
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::process::Command;

/// 60 s of 1920x1080 at 25 frames per second, H.264 at a constant 4 Mbit/s, a key frame every 2 s, no B-frames.
pub(crate) fn make(place: &Place) -> Result<PathBuf> {
    let path = place.results.join("clip-1080p25-4M.mp4");
    if path.exists() {
        return Ok(path);
    }
    println!("making the clip with ffmpeg (once)");
    let unfinished = path.with_extension("part.mp4");
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=size=1920x1080:rate=25", "-t", "60"])
        .args(["-vf", "noise=alls=12:allf=t", "-pix_fmt", "yuv420p"])
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-profile:v", "main", "-bf", "0", "-g", "50"])
        .args(["-sc_threshold", "0", "-b:v", "4M", "-minrate", "4M", "-maxrate", "4M", "-bufsize", "4M"])
        .args(["-x264-params", "nal-hrd=cbr:force-cfr=1", "-movflags", "+faststart"])
        .arg(&unfinished)
        .status()
        .context("ffmpeg is needed to make the clip")?;
    if !status.success() {
        bail!("ffmpeg could not make the clip: {status}");
    }
    std::fs::rename(&unfinished, &path)?;
    Ok(path)
}
