//! `herond check` and `herond fsck`: looking at a box whose daemon does not run.

use crate::config::Config;
use crate::{evidence_key, keeper, rooms};
use anyhow::Result;
use heron_core::{Clock, SystemClock};
use heron_store::{Store, StoreOptions};
use std::io::Write;
use std::process::ExitCode;

/// Says what is wrong with the configuration, the database and the volumes, without changing anything.
pub(crate) async fn check(config: &Config) -> Result<ExitCode> {
    let mut wrong = 0;
    let mut say = |what: String, problem: Option<String>| match problem {
        None => print(format_args!("ok       {what}")),
        Some(problem) => {
            wrong += 1;
            print(format_args!("problem  {what}: {problem}"))
        }
    };
    say("configuration".to_owned(), None)?;
    let database = rooms::database(config);
    let shown = format!("database {}", database.display());
    if database.exists() {
        let options = StoreOptions::default();
        let opened =
            tokio::task::spawn_blocking(move || Store::open(&database, options, &rooms::migrations()))
                .await?;
        let problem = match opened {
            Ok(store) => store.integrity_check().await.err().map(|e| e.to_string()),
            Err(error) => Some(error.to_string()),
        };
        say(shown, problem)?;
    } else {
        say(format!("{shown} (will be made at the first start)"), None)?;
    }
    for volume in &config.volumes {
        let problem = match std::fs::metadata(&volume.path) {
            Ok(meta) if !meta.is_dir() => Some("it is not a directory".to_owned()),
            Ok(_) => rustix::fs::access(&volume.path, rustix::fs::Access::WRITE_OK)
                .err()
                .map(|e| format!("it cannot be written: {e}")),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
            Err(e) => Some(e.to_string()),
        };
        say(format!("volume {}", volume.path.display()), problem)?;
    }
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints a line. Not println!, which panics when the reader of a pipe has seen enough.
pub(crate) fn print(line: std::fmt::Arguments<'_>) -> Result<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}

/// Compares the files with the catalogue; status 1 when they differ and were not repaired.
pub(crate) fn fsck(config: &Config, repair: bool) -> Result<ExitCode> {
    let (store, recovery) = rooms::open_store(config, &SystemClock)?;
    if let Some(recovery) = recovery {
        eprintln!("{recovery}");
    }
    let seal = evidence_key::existing(config)?.map(|key| (key, SystemClock.now()));
    let report = heron_record::fsck_and_seal(&keeper::volumes(config), &store, repair, seal)?;
    print(format_args!("{report}"))?;
    Ok(if report.is_clean() || repair { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
