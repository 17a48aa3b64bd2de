//! What was recorded can be proven, by anybody, with the box's public key: over a crash, a camera that was away, and after
//! somebody was at the disk.

use anyhow::{Context, Result, ensure};
use heron_core::{Clock, StreamKind, SystemClock, WallTime};
use heron_e2e::herond::Box;
use heron_e2e::{eventually, picture};
use heron_sim::faults::Stall;
use heron_sim::{Audio, Drawn, SimConfig, Simulator};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Duration;

const S: fn(u64) -> Duration = Duration::from_secs;

fn small() -> SimConfig {
    let drawn = Drawn { size: (640, 360), fps: 10.0, bit_rate: 400_000 };
    SimConfig {
        drawn_main: drawn,
        drawn_sub: drawn,
        gop_seconds: 1.0,
        audio: Audio::G711u,
        ..SimConfig::default()
    }
}

/// Waits until `seconds` after `since` are on the timeline.
async fn goes_on(box_: &Box, id: &str, since: WallTime, seconds: u64) {
    eventually("recording goes on", S(40), async || {
        let timeline = box_.timeline(id).await.map_err(|e| e.to_string())?;
        let on = timeline.spans("main").any(|(start, end)| end > since.max(start) + S(seconds));
        if on { Ok(()) } else { Err(format!("{timeline:?}")) }
    })
    .await;
}

/// `herond verify`: whether it says that all is whole, and what else it says.
fn verify(box_: &Box, key: &Path, paths: &[&Path]) -> Result<(bool, String)> {
    let mut arguments = vec!["verify", "--key", key.to_str().context("path")?];
    arguments.extend(paths.iter().filter_map(|p| p.to_str()));
    let done = box_.command(&arguments)?;
    let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    ensure!(matches!(done.status.code(), Some(0 | 1)), "{said}");
    Ok((done.status.success(), said))
}

async fn public_key(box_: &Box) -> Result<PathBuf> {
    let path = box_.data().join("public.pem");
    std::fs::write(&path, box_.bytes("/system/evidence-key.pem").await?)?;
    Ok(path)
}

#[tokio::test]
async fn recordings_are_proven_over_a_crash_and_an_altered_byte_is_named() -> Result<()> {
    let sim = Simulator::start(small())?;
    let mut box_ = Box::new()?;
    box_.start().await?;
    box_.claim().await?;
    let source = sim.rtsp_url(1, StreamKind::Main);
    let id = box_.add_camera(&json!({ "name": "gate", "source": source })).await?;
    box_.recorded(&id, "main", S(3)).await;
    let key = public_key(&box_).await?;

    // A camera that drops its connection, and is back: another file, and a gap that the box knows of.
    sim.faults(1).drop_connections();
    goes_on(&box_, &id, SystemClock.now(), 3).await;
    box_.kill();
    // Away for longer than what counts as a gap at all (half a second): a restart alone may be quicker than that.
    tokio::time::sleep(S(2)).await;
    box_.start().await?;
    box_.sign_in().await?;
    goes_on(&box_, &id, SystemClock.now(), 3).await;
    assert_eq!(std::fs::read(&key)?, box_.bytes("/system/evidence-key.pem").await?, "the key survives");

    let now = SystemClock.now();
    let range = format!("start={}&end={now}", now - S(600));
    let found = box_.get(&format!("/cameras/{id}/evidence?{range}")).await?;
    assert_eq!(found["verdict"], "not_sealed_yet", "{found}");
    assert_eq!(found["key"]["algorithm"], "Ed25519");

    // An export while it records: over the crash, and still it plays and is whole.
    let export = box_.bytes(&format!("/cameras/{id}/video.mp4?{range}&evidence=1")).await?;
    let exported = box_.data().join("export.mp4");
    std::fs::write(&exported, &export)?;
    picture::probe(&exported)?;
    picture::decodes(&exported)?;
    let (whole, said) = verify(&box_, &key, &[&exported])?;
    assert!(whole && said.contains("export of camera"), "{said}");
    assert!(said.contains("restart, as the box noted it then"), "{said}");
    box_.stop().await?;

    let files = box_.files("main");
    assert!(files.len() >= 3, "{files:?}");
    for file in &files {
        picture::probe(file)?;
        picture::decodes(file)?;
    }
    let footage = box_.volume();
    let (whole, said) = verify(&box_, &key, &[&footage])?;
    assert!(whole, "{said}");
    assert!(said.contains("interrupted while it recorded"), "the crash is said: {said}");
    assert!(!said.contains("CUT") && !said.contains("not linked"), "{said}");
    assert!(said.contains("restart, as the box noted it then"), "{said}");
    let checked = box_.command(&["fsck"])?;
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));

    // Somebody's hex editor.
    let mut bytes = std::fs::read(&files[0])?;
    let second =
        bytes.windows(4).enumerate().filter(|(_, w)| *w == b"mdat").nth(1).context("two fragments")?.0;
    bytes[second + 40] ^= 1;
    std::fs::write(&files[0], &bytes)?;
    let (whole, said) = verify(&box_, &key, &[&files[0]])?;
    assert!(!whole && said.contains("Altered: fragment 2, recorded at"), "{said}");
    bytes[second + 40] ^= 1;
    std::fs::write(&files[0], &bytes)?;

    // Somebody who takes a whole file away.
    std::fs::remove_file(&files[1])?;
    let (whole, said) = verify(&box_, &key, &[&footage])?;
    assert!(
        !whole && said.contains("CUT") && said.contains("footage that the box recorded is missing"),
        "{said}"
    );

    // Without a key it is only said that nothing changed; another box's key is another box.
    let done = box_.command(&["verify", files[0].to_str().context("path")?])?;
    assert!(done.status.success());
    assert!(String::from_utf8_lossy(&done.stdout).contains("no --key was given"));
    let no_key = box_.data().join("none.pem");
    std::fs::write(&no_key, "no key")?;
    let done = box_.command(&["verify", "--key", no_key.to_str().context("path")?, "x.mp4"])?;
    assert_eq!(done.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&done.stderr).contains("is no public key"));
    Ok(())
}

#[tokio::test]
async fn an_unplugged_camera_is_an_honest_gap() -> Result<()> {
    let sim = Simulator::start(small())?;
    let mut box_ = Box::new()?;
    box_.start().await?;
    box_.claim().await?;
    let source = sim.rtsp_url(1, StreamKind::Main);
    let id = box_.add_camera(&json!({ "name": "yard", "source": source })).await?;
    box_.recorded(&id, "main", S(3)).await;
    let key = public_key(&box_).await?;
    sim.faults(1).change(|f| f.stall = Some(Stall::default())).map_err(anyhow::Error::msg)?;
    eventually("the camera is missed", S(40), async || {
        let shown = box_.get(&format!("/cameras/{id}")).await.map_err(|e| e.to_string())?;
        let missing = shown["status"]["streams"]["main"]["recording"] == false;
        if missing { Ok(()) } else { Err(shown["status"].to_string()) }
    })
    .await;
    sim.faults(1).change(|f| f.stall = None).map_err(anyhow::Error::msg)?;
    goes_on(&box_, &id, SystemClock.now(), 3).await;
    box_.stop().await?;
    let (whole, said) = verify(&box_, &key, &[&box_.volume()])?;
    assert!(whole, "{said}");
    assert!(said.contains("camera_unreachable, as the box noted it then"), "{said}");
    Ok(())
}
