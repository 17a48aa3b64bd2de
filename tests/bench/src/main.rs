//! # Benchmarks: ours beside a peer, in one run
//!
//! Nothing here asserts. Each benchmark prints a table with the ratio to the best-known peer and writes the raw
//! rows to `target/bench/NAME.json`. Peers that are not installed are left out and said so; Moonfire NVR takes
//! part when `MOONFIRE_BIN` names its binary.
//!
//! Started by `cargo xtask bench NAME`, which builds everything in release first.

mod catalogue;
mod clip;
mod contenders;
mod http;
mod play;
mod process;
mod record;
mod simulator;
mod soak;
mod table;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use std::path::PathBuf;

#[derive(Parser)]
#[command(name = "cargo xtask bench", about = "Benchmarks of Heron beside its peers")]
struct Arguments {
    #[command(subcommand)]
    benchmark: Option<Benchmark>,
}

#[derive(Subcommand)]
enum Benchmark {
    /// CPU and memory of recording N cameras of 1080p25 at 4 Mbit/s: herond, ffmpeg, Moonfire.
    Record(record::Options),
    /// Many cameras for a long time: frames lost, queues, memory.
    Soak(soak::Options),
    /// Start-up and timelines on 64 cameras x 90 days of recordings.
    Catalogue(catalogue::Options),
    /// First byte and whole-clip time of video.mp4, and the first segment of playback.m3u8.
    Play(play::Options),
}

/// Where programs and results are.
pub(crate) struct Place {
    pub(crate) programs: PathBuf,
    pub(crate) results: PathBuf,
}

impl Place {
    fn from_environment() -> Result<Self> {
        let programs = match std::env::var_os("BENCH_PROGRAMS") {
            Some(dir) => PathBuf::from(dir),
            None => std::env::current_exe()?.parent().context("this program lies nowhere")?.to_path_buf(),
        };
        let results = std::env::var_os("BENCH_RESULTS").map_or_else(|| programs.join("bench"), PathBuf::from);
        std::fs::create_dir_all(&results)?;
        Ok(Self { programs, results })
    }
}

fn main() -> Result<()> {
    let place = Place::from_environment()?;
    match Arguments::parse().benchmark {
        None => {
            println!("record   CPU and memory of recording, beside ffmpeg and Moonfire (MOONFIRE_BIN)");
            println!("soak     64 cameras for ten minutes: frames lost, queues, memory");
            println!("catalogue  start-up and timelines on 64 cameras x 90 days");
            println!("play     first byte, whole clip and first HLS segment of what was recorded");
            Ok(())
        }
        Some(Benchmark::Record(options)) => record::record(&place, &options),
        Some(Benchmark::Soak(options)) => soak::soak(&place, &options),
        Some(Benchmark::Catalogue(options)) => catalogue::catalogue(&place, &options),
        Some(Benchmark::Play(options)) => play::play(&place, &options),
    }
}
