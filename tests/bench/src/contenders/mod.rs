//! The recorders under measurement. Each is given the same cameras and an empty folder.

mod ffmpeg;
pub(crate) mod herond;
mod moonfire;

use crate::Place;
use crate::process::Group;
use anyhow::{Context as _, Result};
use std::path::{Path, PathBuf};

/// One recorder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    Herond,
    /// Another build of ours.
    Before,
    Ffmpeg,
    Moonfire,
}

impl Contender {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Herond => "herond",
            Self::Before => "herond before",
            Self::Ffmpeg => "ffmpeg",
            Self::Moonfire => "moonfire",
        }
    }

    /// Those that this machine has; says which are left out.
    pub(crate) fn present() -> Vec<Self> {
        let mut all = vec![Self::Herond];
        // For whoever changes the recorder; nothing to be said when it is not there.
        if std::env::var_os("HEROND_BEFORE").is_some() {
            all.push(Self::Before);
        }
        if std::process::Command::new("ffmpeg").arg("-version").output().is_ok() {
            all.push(Self::Ffmpeg);
        } else {
            println!("ffmpeg is left out: it is not installed");
        }
        if std::env::var_os("MOONFIRE_BIN").is_some() {
            all.push(Self::Moonfire);
        } else {
            println!("Moonfire is left out: MOONFIRE_BIN does not name its binary");
        }
        all
    }

    /// Starts recording `urls` into `dir`.
    pub(crate) fn start(self, place: &Place, dir: &Path, urls: &[String]) -> Result<Group> {
        match self {
            Self::Herond => herond::start(&herond::ours(place), dir, urls).map(|h| h.group),
            Self::Before => {
                let program = std::env::var_os("HEROND_BEFORE").map(PathBuf::from);
                herond::start(&program.context("HEROND_BEFORE is not set")?, dir, urls).map(|h| h.group)
            }
            Self::Ffmpeg => ffmpeg::start(dir, urls),
            Self::Moonfire => moonfire::start(dir, urls),
        }
    }
}
