//! `cargo xtask bench`: measurements beside peers, never assertions.

use crate::{process, tree};
use anyhow::Result;
use clap::Args;
use std::process::{Command, ExitCode};

#[derive(Args)]
pub(crate) struct Options {
    /// Which one; none lists them.
    name: Option<String>,
    /// Handed to the benchmark.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

pub(crate) fn bench(options: &Options) -> Result<ExitCode> {
    let mut build = Command::new("cargo");
    build.current_dir(tree::root()).args(["build", "--release", "--bins", "--package", "heron-bench"]);
    build.args(["--package", "heron-herond", "--package", "heron-sim"]);
    process::run(&mut build)?;
    let mut bench = Command::new(tree::program("release", "heron-bench"));
    bench.env("BENCH_PROGRAMS", tree::target().join("release"));
    bench.env("BENCH_RESULTS", tree::target().join("bench"));
    bench.args(options.name.iter()).args(&options.rest);
    let status = process::status(&mut bench)?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
