//! Building the web page.

use crate::{machine, process, tree};
use anyhow::Result;
use std::path::PathBuf;
use std::process::Command;

/// `npm` in `folder`, with a `node` in front that is recent enough.
pub(crate) fn npm(folder: &str) -> Result<Command> {
    let mut command = Command::new("npm");
    command.current_dir(tree::root().join(folder));
    with_node(&mut command)?;
    Ok(command)
}

/// Puts a recent enough `node` first in the command's `PATH`.
pub(crate) fn with_node(command: &mut Command) -> Result<()> {
    if let Some(bin) = machine::node_path()? {
        let mut path = bin.into_os_string();
        if let Some(rest) = std::env::var_os("PATH") {
            path.push(":");
            path.push(rest);
        }
        command.env("PATH", path);
    }
    Ok(())
}

/// Fetches the npm packages of `folder` when its lock file has changed since they were fetched.
pub(crate) fn fetch_packages(folder: &str) -> Result<()> {
    let dir = tree::root().join(folder);
    let lock = tree::newest(&[dir.join("package-lock.json")]);
    let fetched = tree::newest(&[dir.join("node_modules").join(".package-lock.json")]);
    if fetched.is_some() && fetched >= lock {
        return Ok(());
    }
    println!("Fetching the npm packages of {folder}/.");
    process::run(npm(folder)?.args(["ci", "--no-audit", "--no-fund"]))
}

/// Builds `web/dist` when a source of it is newer.
pub(crate) fn build() -> Result<()> {
    fetch_packages("web")?;
    let web = tree::root().join("web");
    let built_from =
        ["build", "index.html", "package-lock.json", "package.json", "public", "src", "tsconfig.json"];
    let mut sources: Vec<PathBuf> = built_from.iter().map(|p| web.join(p)).collect();
    sources.push(web.join("vite.config.ts"));
    let built = std::fs::metadata(web.join("dist").join("index.html")).and_then(|m| m.modified()).ok();
    if built.is_some() && built >= tree::newest(&sources) {
        return Ok(());
    }
    println!("Building the web page.");
    process::run(npm("web")?.args(["run", "build"]))
}
