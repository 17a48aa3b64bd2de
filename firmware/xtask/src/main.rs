//! `cargo xtask`: the one door for people who build Heron.
//!
//! `run` brings up simulated cameras and the box, `test` is what has to pass before a change lands, `bench`
//! measures beside peers. Each first looks at what the machine lacks, says what it will install and why, and is
//! quick when nothing is missing. It keeps everything it makes under `target/`.

mod bench;
mod machine;
mod process;
mod run;
mod test;
mod tree;
mod web;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Run, test and bench Heron")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build everything, start simulated cameras and the daemon, print the address; Ctrl-C stops all of it.
    Run(run::Options),
    /// Formatting, lints, unit, integration and browser tests; ends with one line `N passed, N failed`.
    Test(test::Options),
    /// Run the named benchmark; without a name, list them.
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Run(options) => run::run(&options),
        Command::Test(options) => test::test(&options),
        Command::Bench(options) => bench::bench(&options),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
