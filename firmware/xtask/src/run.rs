//! `cargo xtask run`: the box and its cameras, from nothing.

use crate::process::{self, Service};
use crate::{machine, tree, web};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

#[derive(Args)]
pub(crate) struct Options {
    /// How many cameras to simulate.
    #[arg(long, default_value_t = 4)]
    cameras: u16,
    /// Simulate cameras with the mp4 and mkv files of this folder (names with "sub" are sub streams) instead of
    /// a drawn scene.
    #[arg(long, value_name = "DIR")]
    footage: Option<PathBuf>,
    /// A real camera, rtsp://user:password@host/path, instead of simulated ones; may be given several times.
    #[arg(long = "camera", value_name = "URL")]
    real: Vec<String>,
    /// Forget what earlier runs recorded and who claimed the box.
    #[arg(long)]
    fresh: bool,
    /// The local port of the web page.
    #[arg(long, default_value_t = 8080)]
    port: u16,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    machine::ensure(machine::Need::Build)?;
    web::build()?;
    println!("Building the daemon and the simulated cameras.");
    process::run(Command::new("cargo").current_dir(tree::root()).args([
        "build",
        "--release",
        "--package",
        "heron-herond",
        "--package",
        "heron-sim",
        "--bins",
    ]))?;
    process::take_interrupts()?;
    let state = tree::target().join("run");
    if options.fresh && state.exists() {
        fs::remove_dir_all(&state).with_context(|| format!("cannot remove {}", state.display()))?;
    }
    fs::create_dir_all(&state)?;
    let cameras =
        if options.real.is_empty() { simulate(options, &state)? } else { Cameras::real(&options.real) };
    let keeper = keep(options, &state, &cameras)?;
    watch(cameras.simulator, keeper)
}

/// What the box is to be told of its cameras.
struct Cameras {
    provisioned: serde_json::Value,
    simulator: Option<Service>,
}

impl Cameras {
    fn real(urls: &[String]) -> Self {
        let list = urls.iter().enumerate().map(|(i, url)| {
            serde_json::json!({ "name": format!("Camera {}", i + 1), "source": url, "record": { "mode": "continuous" } })
        });
        Self { provisioned: list.collect(), simulator: None }
    }
}

fn simulate(options: &Options, state: &Path) -> Result<Cameras> {
    let rtsp = process::free_port(8555)?;
    let control = process::free_port(8556)?;
    let mut command = Command::new(tree::program("release", "heron-sim"));
    command.args(["--rtsp", &format!("127.0.0.1:{rtsp}"), "--control", &format!("127.0.0.1:{control}")]);
    command.args(["--cameras", &options.cameras.to_string()]);
    if let Some(folder) = &options.footage {
        add_footage(&mut command, folder)?;
    }
    log_to(&mut command, state, "heron-sim.log")?;
    let mut simulator = Service::start("heron-sim", &mut command)?;
    simulator.wait_until(Duration::from_secs(20), || process::listening(rtsp))?;
    let names = ["Gate", "Yard", "Loading bay", "Car park"];
    let list = (1..=options.cameras).map(|n| {
        let base = format!("rtsp://127.0.0.1:{rtsp}/cam{n}");
        let name = names.get(usize::from(n) - 1).map_or_else(|| format!("Camera {n}"), ToString::to_string);
        serde_json::json!({
            "name": name,
            "source": format!("{base}/main"),
            "sub_source": format!("{base}/sub"),
            "record": { "mode": "continuous" },
        })
    });
    Ok(Cameras { provisioned: list.collect(), simulator: Some(simulator) })
}

fn add_footage(command: &mut Command, folder: &Path) -> Result<()> {
    let entries = fs::read_dir(folder)
        .with_context(|| format!("cannot read the footage folder {}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|e| e.path())
        .filter(|p| p.extension().is_some_and(|e| e == "mp4" || e == "mkv"))
        .collect();
    files.sort();
    let (sub, main): (Vec<_>, Vec<_>) =
        files.into_iter().partition(|p| p.file_name().is_some_and(|n| n.to_string_lossy().contains("sub")));
    if main.is_empty() && sub.is_empty() {
        bail!("{} has no mp4 or mkv file", folder.display());
    }
    for file in if main.is_empty() { &sub } else { &main } {
        command.arg("--footage").arg(file);
    }
    for file in &sub {
        command.arg("--sub-footage").arg(file);
    }
    Ok(())
}

struct Keeper {
    service: Service,
    address: String,
    claim_token: Option<String>,
}

fn keep(options: &Options, state: &Path, cameras: &Cameras) -> Result<Keeper> {
    let port = process::free_port(options.port)?;
    let data = state.join("data");
    let configuration = state.join("heron.toml");
    fs::write(
        &configuration,
        format!(
            "data_dir = {:?}\nvolumes = [{:?}]\n\n[http]\nlisten = \"127.0.0.1:{port}\"\n",
            data,
            state.join("footage"),
        ),
    )?;
    let herond = tree::program("release", "herond");
    let provision = state.join("cameras.json");
    fs::write(&provision, serde_json::to_string_pretty(&cameras.provisioned)?)?;
    process::run(
        Command::new(&herond)
            .arg("--config")
            .arg(&configuration)
            .arg("provision")
            .arg(&provision)
            .stdout(Stdio::null()),
    )?;
    let mut command = Command::new(&herond);
    command.arg("--config").arg(&configuration);
    log_to(&mut command, state, "herond.log")?;
    let mut service = Service::start("herond", &mut command)?;
    service.wait_until(Duration::from_secs(30), || process::listening(port))?;
    let claim_token = fs::read_to_string(data.join("claim-token")).ok().map(|t| t.trim().to_owned());
    Ok(Keeper { service, address: format!("http://127.0.0.1:{port}/"), claim_token })
}

/// What a program prints goes into a file, so that the address stays on the screen.
fn log_to(command: &mut Command, state: &Path, name: &str) -> Result<()> {
    let path = state.join(name);
    let file = fs::File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    command.stdout(file.try_clone()?).stderr(file);
    Ok(())
}

fn watch(mut simulator: Option<Service>, mut keeper: Keeper) -> Result<ExitCode> {
    println!("\n  Heron is running.\n");
    match &keeper.claim_token {
        Some(token) => {
            println!("  Claim the box     {}#claim={token}", keeper.address);
            println!("  with the token    {token}");
        }
        None => println!("  Sign in           {}", keeper.address),
    }
    println!("  Logs              {}", tree::target().join("run").join("herond.log").display());
    println!("  Ctrl-C stops all of it.\n");
    while !process::interrupted() {
        keeper.service.check()?;
        if let Some(simulator) = &mut simulator {
            simulator.check()?;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    println!("Stopping.");
    drop(keeper.service);
    Ok(ExitCode::SUCCESS)
}
