//! `cargo xtask test`: everything that has to pass.

use crate::process::{self, Service};
use crate::{machine, tree, web};
use anyhow::{Context, Result};
use clap::Args;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

#[derive(Args)]
pub(crate) struct Options {
    /// Only the checks whose name contains this.
    #[arg(long)]
    only: Option<String>,
}

/// Passed and failed, added up over all checks.
#[derive(Default)]
struct Tally {
    passed: u64,
    failed: u64,
    failures: Vec<String>,
}

impl Tally {
    /// Runs one check: tests it counts go into the tally, and a check without tests counts as one.
    fn check(&mut self, options: &Options, name: &str, check: impl FnOnce() -> Result<Outcome>) {
        if options.only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            return;
        }
        println!("\n=== {name}");
        let begun = Instant::now();
        match check() {
            Ok(outcome) => {
                self.passed += outcome.passed;
                self.failed += outcome.failed;
                if outcome.failed > 0 {
                    self.failures.push(format!("{name}: {} failed", outcome.failed));
                }
            }
            Err(error) => {
                println!("{name}: {error:#}");
                self.failed += 1;
                self.failures.push(format!("{name}: {error:#}"));
            }
        }
        println!("--- {name}: {:.0} s", begun.elapsed().as_secs_f32());
    }
}

struct Outcome {
    passed: u64,
    failed: u64,
}

impl Outcome {
    const ONE: Self = Self { passed: 1, failed: 0 };
}

pub(crate) fn test(options: &Options) -> Result<ExitCode> {
    machine::ensure(machine::Need::Test)?;
    let mut tally = Tally::default();
    tally.check(options, "formatting", || gate(cargo().args(["fmt", "--all", "--check"])));
    tally.check(options, "web page", web_page);
    tally.check(options, "lints", || {
        gate(cargo().args(["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]))
    });
    tally.check(options, "licences and bans", licences);
    tally.check(options, "programs", || gate(cargo().args(["build", "--workspace", "--bins", "--locked"])));
    tally.check(options, "rust tests", rust_tests);
    tally.check(options, "browser tests", browser_tests);
    for failure in &tally.failures {
        println!("FAILED {failure}");
    }
    println!("{} passed, {} failed", tally.passed, tally.failed);
    Ok(if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn cargo() -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(tree::root());
    command
}

fn gate(command: &mut Command) -> Result<Outcome> {
    process::run(command)?;
    Ok(Outcome::ONE)
}

/// Licences and duplicate bans, where `cargo deny` is installed; it needs no network for these.
fn licences() -> Result<Outcome> {
    if !process::succeeds(cargo().args(["deny", "--version"])) {
        println!("skipped: cargo-deny is not installed (cargo install cargo-deny)");
        return Ok(Outcome { passed: 0, failed: 0 });
    }
    gate(cargo().args(["deny", "--offline", "check", "licenses", "bans", "sources"]))
}

fn web_page() -> Result<Outcome> {
    web::build()?;
    gate(web::npm("web")?.args(["run", "check"]))?;
    counted(web::npm("web")?.args(["test"]), |line, tally| {
        // vitest: "      Tests  41 passed (41)", or "1 failed | 40 passed (41)".
        if let Some(rest) = plain(line).trim().strip_prefix("Tests ") {
            tally.passed += number_before(rest, "passed");
            tally.failed += number_before(rest, "failed");
        }
    })
}

/// What decides whether a change lands gives the same answer twice: there the property tests draw the same cases every
/// time, and elsewhere new ones.
fn cargo_for_tests() -> Command {
    let mut command = cargo();
    if std::env::var_os("CI").is_some() {
        command.env("PROPTEST_RNG_SEED", "20261120");
    }
    command
}

fn rust_tests() -> Result<Outcome> {
    if process::succeeds(cargo().args(["nextest", "--version"])) {
        return counted(
            cargo_for_tests().args(["nextest", "run", "--workspace", "--locked", "--no-fail-fast"]),
            |line, tally| {
                // "     Summary [   9.8s] 120 tests run: 119 passed (1 slow), 1 failed, 0 skipped"
                let line = plain(line);
                if let Some((_, counts)) =
                    line.trim().starts_with("Summary [").then(|| line.split_once("run:")).flatten()
                {
                    tally.passed += number_before(counts, "passed");
                    tally.failed += number_before(counts, "failed") + number_before(counts, "timed out");
                }
            },
        );
    }
    counted(cargo_for_tests().args(["test", "--workspace", "--locked", "--no-fail-fast"]), |line, tally| {
        // "test result: ok. 12 passed; 0 failed; ..."
        if let Some(counts) = line.strip_prefix("test result:") {
            tally.passed += number_before(counts, "passed");
            tally.failed += number_before(counts, "failed");
        }
    })
}

/// A claimed-by-nobody box and drawn cameras, and a browser that meets them.
fn browser_tests() -> Result<Outcome> {
    web::fetch_packages("tests/browser")?;
    let state = tree::target().join("browser-test");
    if state.exists() {
        fs::remove_dir_all(&state)?;
    }
    fs::create_dir_all(&state)?;
    let rtsp = process::free_port(0)?;
    let control = process::free_port(0)?;
    let http = process::free_port(0)?;
    let log = |name: &str| fs::File::create(state.join(name)).map(Stdio::from).context("cannot write a log");
    let mut simulator = Service::start(
        "heron-sim",
        Command::new(tree::program("debug", "heron-sim"))
            .args(["--rtsp", &format!("127.0.0.1:{rtsp}"), "--control", &format!("127.0.0.1:{control}")])
            .args(["--cameras", "2"])
            .stdout(log("sim.log")?)
            .stderr(log("sim.err")?),
    )?;
    simulator.wait_until(Duration::from_secs(20), || process::listening(rtsp))?;
    let configuration = state.join("heron.toml");
    fs::write(
        &configuration,
        format!(
            "data_dir = {:?}\nvolumes = [{:?}]\n\n[http]\nlisten = \"127.0.0.1:{http}\"\n",
            state.join("data"),
            state.join("footage")
        ),
    )?;
    let mut keeper = Service::start(
        "herond",
        Command::new(tree::program("debug", "herond"))
            .arg("--config")
            .arg(&configuration)
            .stdout(log("herond.log")?)
            .stderr(log("herond.err")?),
    )?;
    keeper.wait_until(Duration::from_secs(30), || process::listening(http))?;
    let token =
        fs::read_to_string(state.join("data").join("claim-token")).context("the box wrote no claim token")?;
    let mut node = Command::new("npm");
    node.current_dir(tree::root().join("tests").join("browser")).arg("test");
    web::with_node(&mut node)?;
    node.env("HERON_URL", format!("http://127.0.0.1:{http}"))
        .env("HERON_CLAIM_TOKEN", token.trim())
        .env("HERON_SIM_RTSP", format!("rtsp://127.0.0.1:{rtsp}"));
    counted(&mut node, |line, tally| {
        // node --test: "# pass 9" or, in a terminal, "ℹ pass 9".
        let line = plain(line);
        let line = line.trim_start_matches(['#', 'ℹ', ' ']);
        if let Some(n) = line.strip_prefix("pass ") {
            tally.passed += n.trim().parse().unwrap_or(0);
        }
        if let Some(n) = line.strip_prefix("fail ") {
            tally.failed += n.trim().parse().unwrap_or(0);
        }
    })
}

/// Runs a test runner, shows what it prints, and counts by its closing lines. A runner that fails without
/// saying that a test failed counts as one failure.
fn counted(command: &mut Command, mut count: impl FnMut(&str, &mut Outcome)) -> Result<Outcome> {
    let (reader, writer) = std::io::pipe().context("no pipe")?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .spawn()
        .context("cannot start the test runner")?;
    // The command keeps its ends of the pipe open: give them up, so that the reader sees the end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut tally = Outcome { passed: 0, failed: 0 };
    let mut lines = BufReader::new(reader);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        std::io::stdout().write_all(&line)?;
        count(&String::from_utf8_lossy(&line), &mut tally);
        line.clear();
    }
    let status = child.wait()?;
    if !status.success() && tally.failed == 0 {
        tally.failed = 1;
    }
    Ok(tally)
}

/// `line` without terminal colours.
fn plain(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut in_escape = false;
    for c in line.chars() {
        match (in_escape, c) {
            (false, '\u{1b}') => in_escape = true,
            (false, c) => out.push(c),
            (true, c) => in_escape = !c.is_ascii_alphabetic(),
        }
    }
    out
}

/// The number right before `word`, or 0.
fn number_before(text: &str, word: &str) -> u64 {
    text.find(word)
        .and_then(|at| text[..at].trim_end().rsplit(|c: char| !c.is_ascii_digit()).next().map(str::to_owned))
        .and_then(|n| n.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_from_the_runners_closing_lines() {
        let nextest =
            "     Summary [   9.8s] 120 tests run: 117 passed (1 slow), 2 failed, 1 timed out, 0 skipped";
        assert_eq!(number_before(nextest, "passed"), 117);
        assert_eq!(number_before(nextest, "failed"), 2);
        assert_eq!(number_before(nextest, "timed out"), 1);
        assert_eq!(number_before("1 failed | 40 passed (41)", "failed"), 1);
        assert_eq!(number_before("nothing", "passed"), 0);
        assert_eq!(plain("\u{1b}[32m5 passed\u{1b}[0m"), "5 passed");
    }
}
