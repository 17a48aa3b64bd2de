//! `herond provision FILE`: cameras from a file into the register, before or between runs of the daemon. OEMs use it
//! to deliver a box that knows its cameras; the file is a JSON list of what `POST /api/v1/cameras` takes.

use crate::config::Config;
use crate::rooms;
use anyhow::{Context, Result};
use heron_cameras::{CameraPatch, CameraRegister, NewCamera};
use heron_core::{Clock, SystemClock};
use std::path::Path;
use std::sync::Arc;

/// Adds the cameras of `file`; one that has the name of a known camera gets its new addresses and its new
/// login instead. An entry without a login leaves the stored one, which is refused where an address leads to another host.
pub(crate) async fn provision(config: &Config, file: &Path) -> Result<()> {
    let text = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let cameras: Vec<NewCamera> = serde_json::from_slice(&text)
        .with_context(|| format!("{} is not a JSON list of cameras", file.display()))?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (store, recovery) = {
        let (config, clock) = (config.clone(), Arc::clone(&clock));
        tokio::task::spawn_blocking(move || rooms::open_store(&config, clock.as_ref())).await??
    };
    if let Some(recovery) = recovery {
        eprintln!("{recovery}");
    }
    let sealer = rooms::open_sealer(config).await?;
    let register = CameraRegister::open(store.clone(), sealer, Arc::clone(&clock)).await?;
    for (i, camera) in cameras.into_iter().enumerate() {
        let name = camera.name.clone();
        let outcome = match register.by_name(&name) {
            Some(known) => {
                let patch = CameraPatch {
                    source: Some(camera.source),
                    sub_source: Some(camera.sub_source),
                    username: camera.username.map(Some),
                    password: camera.password.map(Some),
                    ..CameraPatch::default()
                };
                register.update(known.id, patch).await
            }
            None => register.create(camera).await,
        };
        outcome.with_context(|| format!("camera {} of {} ({name:?})", i + 1, file.display()))?;
        crate::maintenance::print(format_args!("{name}"))?;
    }
    store.close().await;
    Ok(())
}
