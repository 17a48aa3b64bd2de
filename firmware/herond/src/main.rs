//! # herond: the keeper
//!
//! Reads the configuration, opens the rooms from the lowest floor up, wires them together, and takes them down in
//! the opposite order. No behaviour of its own: what a room does is in the room.
//!
//! ## Invariants
//! 1. Recording starts before anything is served, and stops after it: people wait for the recorder, never the other way.
//! 2. What the camera register says is what runs: [`supervise`] compares the two at start and after every change.
//! 3. Exit status 0 for success, 2 for wrong usage, 1 otherwise; the last line on standard error says what to do.
//!
//! ## Non-goals
//! Decoding pictures (that is the eye's), talking to the fleet (that is the uplink's).

mod config;
mod evidence_key;
mod keeper;
mod lock;
mod maintenance;
mod marks;
mod memory;
mod provision;
mod rooms;
mod supervise;
mod tls;
mod triggers;
mod verify;

use crate::config::{Config, LogFormat};
use crate::lock::DataDirLock;
use anyhow::Result;
use clap::{Parser, Subcommand};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

#[derive(Parser)]
#[command(name = "herond", version, about = "Heron's keeper: takes cameras in, records them, shows them")]
struct Arguments {
    /// The configuration file.
    #[arg(long, value_name = "FILE", default_value = "/etc/heron/heron.toml", global = true)]
    config: PathBuf,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Check the configuration, the volumes and the database, and say what is wrong.
    Check,
    /// Compare the recorded files with the catalogue. Run it while the daemon is stopped.
    Fsck {
        /// Make the catalogue agree with the files.
        #[arg(long)]
        repair: bool,
    },
    /// Put the cameras of a JSON file into the register.
    Provision {
        /// A JSON list of what POST /api/v1/cameras takes.
        file: PathBuf,
    },
    /// Check that recordings or exports are whole and as the box recorded them. Needs no configuration.
    Verify {
        /// Files, or folders of files such as a day's.
        #[arg(required = true, value_name = "FILE.mp4")]
        paths: Vec<PathBuf>,
        /// The box's public key, from its page or /api/v1/system/evidence-key.pem.
        #[arg(long, value_name = "PEM")]
        key: Option<PathBuf>,
    },
    /// Print the OpenAPI document.
    Openapi,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("herond: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<ExitCode> {
    let load = || Config::load(&arguments.config, std::env::vars());
    match &arguments.command {
        None => {
            let config = load()?;
            start_log(&config)?;
            let _lock = DataDirLock::take(&config)?;
            raise_descriptor_limit();
            runtime()?.block_on(keeper::keep(config))?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Check) => runtime()?.block_on(maintenance::check(&load()?)),
        Some(Command::Fsck { repair }) => {
            let config = load()?;
            let _lock = DataDirLock::take(&config)?;
            maintenance::fsck(&config, *repair)
        }
        Some(Command::Provision { file }) => {
            let config = load()?;
            let _lock = DataDirLock::take(&config)?;
            runtime()?.block_on(provision::provision(&config, file))?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Verify { paths, key }) => verify::run(paths, key.as_deref()),
        Some(Command::Openapi) => {
            // Not println!, which panics when the reader of a pipe has seen enough.
            writeln!(std::io::stdout(), "{}", heron_api::openapi_json())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// HTTP, the journal and the database's callers; cameras and disks have threads of their own. Two workers: the
/// smallest boxes have four cores, and recording comes first.
fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(16)
        .thread_name("http")
        .enable_all()
        .build()?)
}

/// What the house may have open at once: 256 cameras of two streams, each a socket and a file, 512 connections, clips and
/// the database. Half as much again is kept free.
const DESCRIPTORS: u64 = 4096;

/// Asks for [`DESCRIPTORS`], as far as the system lets us; says so when that is little.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(u64::MAX);
    if limit.current.is_some_and(|now| now < DESCRIPTORS) {
        let _ = setrlimit(
            Resource::Nofile,
            Rlimit { current: Some(most.min(DESCRIPTORS)), maximum: limit.maximum },
        );
    }
    if most < DESCRIPTORS {
        tracing::warn!(
            most,
            wanted = DESCRIPTORS,
            "the system allows few open files: raise LimitNOFILE of the service"
        );
    }
}

fn start_log(config: &Config) -> Result<()> {
    let filter = EnvFilter::try_new(&config.log.level)
        .map_err(|e| anyhow::anyhow!("key `log.level`: {:?} is not a filter: {e}", config.log.level))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match config.log.format {
        LogFormat::Json => log.json().init(),
        LogFormat::Text => log.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).init(),
    }
    Ok(())
}
