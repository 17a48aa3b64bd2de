//! The power goes: everything that was not synced is forgotten, of the footage and of the database.
#![allow(missing_docs)]

use anyhow::Result;
use heron_core::{Clock, StreamKind, SystemClock};
use heron_e2e::eventually;
use heron_e2e::herond::Box;
use heron_faults::disk::{BadDisk, Names};
use heron_faults::recorded;
use heron_sim::seed::Dice;
use heron_sim::{Audio, Drawn, SimConfig, Simulator};
use serde_json::json;
use std::time::Duration;

const S: fn(u64) -> Duration = Duration::from_secs;
const CAMERAS: usize = 4;
/// About two seconds, of ten frames each, and what the disk was doing at that moment.
const MOST_LOST: u64 = 25;

async fn power_cuts(names: Names) -> Result<()> {
    let seed = u64::from(std::process::id());
    println!("seed {seed}");
    let drawn = Drawn { size: (640, 64), fps: 10.0, bit_rate: 400_000 };
    let sim = Simulator::start(SimConfig {
        cameras: CAMERAS,
        drawn_main: drawn,
        audio: Audio::None,
        ..SimConfig::default()
    })?;
    let mut box_ = Box::new()?;
    let Some(footage) = BadDisk::mount(&box_.volume(), 400 << 20) else { return Ok(()) };
    let Some(data) = BadDisk::mount(&box_.data(), 200 << 20) else { return Ok(()) };
    footage.set_names(names);
    let mut begun = SystemClock.now();
    box_.start().await?;
    box_.claim().await?;
    let mut ids = Vec::new();
    for n in 1..=CAMERAS {
        let source = sim.rtsp_url(n, StreamKind::Main);
        ids.push(box_.add_camera(&json!({ "name": format!("Camera {n}"), "source": source })).await?);
    }
    let mut dice = Dice::new(seed, &[0x90e4]);
    let mut lost_before = [0; CAMERAS];
    for cut in 0..2 {
        eventually("every camera is recorded", S(60), async || {
            let rows = recorded::rows(&box_.data()).map_err(|e| e.to_string())?;
            let without = ids.iter().find(|id| !rows.iter().any(|r| &r.camera == *id && r.end > begun));
            without.map_or(Ok(()), |id| Err(format!("not {id} of {rows:?}")))
        })
        .await;
        // New files just before the cut: names, too, are at stake.
        for n in 1..=CAMERAS {
            sim.faults(n).change(|f| f.parameter_sets += 1).map_err(anyhow::Error::msg)?;
        }
        // The random moment is the experiment.
        tokio::time::sleep(Duration::from_millis(1500 + dice.next() % 2500)).await;
        box_.kill();
        let killed = SystemClock.now();
        let sent: Vec<u64> = (1..=CAMERAS).map(|n| sim.counters(n, StreamKind::Main).video.frames).collect();
        footage.power_cut(names);
        // Nobody makes a database on a file system that loses synced names.
        data.power_cut(Names::Journalled);
        begun = SystemClock.now();
        box_.start().await?;
        for (n, id) in ids.iter().enumerate() {
            // The database may have lost every row; files but the newest are found again in the background.
            let (now, lost) = eventually("at most about two seconds to be lost", S(20), async || {
                let kept = recorded::totals(&box_.data(), killed).map_err(|e| e.to_string())?;
                let (frames, until) = kept.get(id).copied().unwrap_or((0, killed));
                let lost = sent[n].saturating_sub(u64::try_from(frames).unwrap_or(0));
                let now = lost - lost_before[n].min(lost);
                let of = sent[n];
                if now <= MOST_LOST {
                    Ok((now, lost))
                } else {
                    Err(format!(
                        "cut {cut}, camera {n}: {now} of {of} frames; recorded until {until}, killed {killed}"
                    ))
                }
            })
            .await;
            println!("cut {cut}, camera {n}: {now} frames");
            lost_before[n] = lost;
        }
    }
    box_.stop().await?;
    recorded::all_is_whole(&box_, "main")?;
    Ok(())
}

#[tokio::test]
async fn a_power_cut_on_a_journalling_file_system() -> Result<()> {
    power_cuts(Names::Journalled).await
}

#[tokio::test]
async fn a_power_cut_that_loses_every_name_that_was_not_synced() -> Result<()> {
    power_cuts(Names::Strict).await
}
