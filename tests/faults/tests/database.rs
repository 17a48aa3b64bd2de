//! The database is lost or damaged, and disks come from elsewhere: everything is found again from the files, nothing is
//! deleted, and recording does not wait for it.
#![allow(missing_docs)]

use anyhow::{Context, Result};
use heron_core::{Clock, StreamKind, SystemClock};
use heron_e2e::eventually;
use heron_e2e::herond::Box;
use heron_faults::recorded;
use heron_sim::{Audio, Drawn, SimConfig, Simulator};
use serde_json::json;
use std::collections::BTreeMap;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

const S: fn(u64) -> Duration = Duration::from_secs;

fn camera() -> Result<Simulator> {
    let drawn = Drawn { size: (640, 64), fps: 10.0, bit_rate: 400_000 };
    Ok(Simulator::start(SimConfig { drawn_main: drawn, audio: Audio::None, ..SimConfig::default() })?)
}

async fn add(box_: &Box, sim: &Simulator) -> Result<String> {
    box_.add_camera(&json!({ "name": "Gate", "source": sim.rtsp_url(1, StreamKind::Main) })).await
}

/// A box that has recorded several files, killed.
async fn recorded_box(sim: &Simulator) -> Result<Box> {
    let mut box_ = Box::new()?;
    box_.start().await?;
    box_.claim().await?;
    let id = add(&box_, sim).await?;
    for n in 1..=3 {
        box_.recorded(&id, "main", S(2 * n)).await;
        let set = u32::try_from(n)?;
        sim.faults(1).change(|f| f.parameter_sets = set).map_err(anyhow::Error::msg)?;
    }
    eventually("several files", S(30), async || {
        let files = box_.files("main").len();
        if files >= 3 { Ok(()) } else { Err(format!("{files} files")) }
    })
    .await;
    let backup = box_.data().join("heron.db.backup");
    eventually("a backup", S(30), async || if backup.exists() { Ok(()) } else { Err("none".to_owned()) })
        .await;
    box_.kill();
    // That one may be of an empty box; when it is old, another is due at the next start.
    let long_ago = std::time::SystemTime::now() - S(48 * 3600);
    std::fs::File::options().write(true).open(&backup)?.set_modified(long_ago)?;
    // What the kill left open is closed by a start, so that files can be compared byte by byte afterwards.
    sim.faults(1)
        .change(|f| f.refuse = Some(heron_sim::faults::Refuse::default()))
        .map_err(anyhow::Error::msg)?;
    box_.start().await?;
    eventually("another backup", S(30), async || {
        let made = backup.metadata().and_then(|m| m.modified()).map_err(|e| e.to_string())?;
        if made > long_ago + S(3600) { Ok(()) } else { Err(format!("{made:?}")) }
    })
    .await;
    box_.stop().await?;
    sim.faults(1).change(|f| f.refuse = None).map_err(anyhow::Error::msg)?;
    Ok(box_)
}

fn contents(box_: &Box) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    box_.files("main").into_iter().map(|f| Ok((f.clone(), std::fs::read(f)?))).collect()
}

fn remove(data: &Path, names: &[&str]) {
    for name in names {
        let _ = std::fs::remove_file(data.join(name));
    }
}

/// After `harm` to the data directory, the box records at once and knows all of its footage again.
async fn comes_back(harm: impl FnOnce(&Path) -> Result<()>, cameras_are_lost: bool) -> Result<()> {
    let sim = camera()?;
    let mut box_ = recorded_box(&sim).await?;
    let before = contents(&box_)?;
    harm(&box_.data())?;
    box_.start().await?;
    if cameras_are_lost {
        box_.claim().await?;
        add(&box_, &sim).await?;
    }
    let started = SystemClock.now();
    eventually("recording, and every file in the catalogue", S(60), async || {
        let rows = recorded::rows(&box_.data()).map_err(|e| e.to_string())?;
        let old = rows.iter().filter(|r| r.start < started).count();
        let new = rows.iter().any(|r| r.end > started);
        if new && old >= before.len() { Ok(()) } else { Err(format!("{rows:?}")) }
    })
    .await;
    box_.stop().await?;
    let after = contents(&box_)?;
    for (file, bytes) in &before {
        assert!(after.get(file) == Some(bytes), "{} is as it was", file.display());
    }
    assert!(recorded::all_is_whole(&box_, "main")? > before.len());
    Ok(())
}

#[tokio::test]
async fn a_database_that_is_gone_with_its_backups() -> Result<()> {
    let everything = ["heron.db", "heron.db-wal", "heron.db-shm", "heron.db.backup", "heron.db.backup.old"];
    comes_back(
        |data| {
            remove(data, &everything);
            Ok(())
        },
        true,
    )
    .await
}

#[tokio::test]
async fn a_database_that_is_gone() -> Result<()> {
    comes_back(
        |data| {
            remove(data, &["heron.db", "heron.db-wal", "heron.db-shm"]);
            Ok(())
        },
        false,
    )
    .await
}

#[tokio::test]
async fn a_database_with_zeroed_pages() -> Result<()> {
    comes_back(
        |data| {
            remove(data, &["heron.db-wal", "heron.db-shm"]);
            let file = std::fs::OpenOptions::new().write(true).open(data.join("heron.db"))?;
            let pages = file.metadata()?.len() / 4096;
            for page in (1..pages).step_by(3) {
                file.write_all_at(&[0; 4096], page * 4096)?;
            }
            Ok(())
        },
        false,
    )
    .await
}

#[tokio::test]
async fn a_database_that_is_cut_short() -> Result<()> {
    comes_back(
        |data| {
            let file = std::fs::OpenOptions::new().write(true).open(data.join("heron.db"))?;
            let length = file.metadata()?.len();
            Ok(file.set_len(length / 2 + 100)?)
        },
        false,
    )
    .await
}

#[tokio::test]
async fn a_database_without_its_log() -> Result<()> {
    comes_back(
        |data| {
            remove(data, &["heron.db-wal", "heron.db-shm"]);
            Ok(())
        },
        false,
    )
    .await
}

#[tokio::test]
async fn a_disk_from_another_box_is_added_and_one_of_a_newer_release_is_refused_in_words() -> Result<()> {
    let sim = camera()?;
    let other = recorded_box(&sim).await?;
    let mut box_ = Box::new()?;
    let (own, moved, newer) = (box_.dir().join("own"), box_.dir().join("moved"), box_.dir().join("newer"));
    std::fs::rename(other.volume(), &moved)?;
    std::fs::create_dir_all(newer.join("recordings"))?;
    std::fs::write(newer.join(".heron-volume"), "heron-volume 2\nuuid = of another shape\n")?;
    std::fs::write(newer.join("recordings/whatever"), "precious")?;
    box_.set_volumes(&[(&own, ""), (&moved, ""), (&newer, "")])?;
    let before = contents(&box_)?;
    assert!(before.len() >= 3);
    box_.start().await?;
    box_.claim().await?;
    add(&box_, &sim).await?;
    let started = SystemClock.now();
    eventually("recording, and every file of the other box", S(60), async || {
        let rows = recorded::rows(&box_.data()).map_err(|e| e.to_string())?;
        let old = rows.iter().filter(|r| r.start < started).count();
        let new = rows.iter().any(|r| r.end > started);
        if new && old >= before.len() { Ok(()) } else { Err(format!("{rows:?}")) }
    })
    .await;
    let storage = box_.get("/storage").await?;
    let problem = storage["volumes"][2]["problem"].as_str().context("no words")?.to_owned();
    assert!(problem.contains("newer release"), "{problem}");
    box_.stop().await?;
    let after = contents(&box_)?;
    for (file, bytes) in &before {
        assert!(after.get(file) == Some(bytes), "{} is as it was", file.display());
    }
    assert_eq!(std::fs::read_to_string(newer.join("recordings/whatever"))?, "precious");
    assert_eq!(std::fs::read_dir(&newer)?.count(), 2, "nothing was added to it");
    Ok(())
}
