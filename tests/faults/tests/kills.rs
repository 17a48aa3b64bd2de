//! `kill -9` at random moments under sixteen cameras.
//!
//! Five kills; `FAULTS_KILLS=100 cargo nextest run -p heron-faults --no-capture kill` does the hundred (ten minutes) and
//! prints the worst loss.
#![allow(missing_docs)]

use anyhow::{Context, Result};
use heron_core::{Clock, StreamKind, SystemClock};
use heron_e2e::eventually;
use heron_e2e::herond::Box;
use heron_faults::recorded;
use heron_sim::seed::Dice;
use heron_sim::{Audio, Drawn, SimConfig, Simulator};
use serde_json::json;
use std::time::Duration;

const CAMERAS: usize = 16;
const FPS: f32 = 10.0;
/// What the promise allows: 2 s.
const MOST_LOST: u64 = 20;
/// Kills, unless the environment says.
const KILLS: usize = 5;

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().and_then(|v| v.parse().ok()).unwrap_or(otherwise)
}

fn sent(sim: &Simulator) -> Vec<u64> {
    (1..=CAMERAS).map(|n| sim.counters(n, StreamKind::Main).video.frames).collect()
}

#[tokio::test]
async fn a_kill_at_any_moment_costs_at_most_two_seconds_of_each_stream() -> Result<()> {
    let kills = number("FAULTS_KILLS", KILLS as u64);
    let seed = number("FAULTS_SEED", u64::from(std::process::id()));
    println!("seed {seed}, {kills} kills");
    let drawn = Drawn { size: (640, 64), fps: FPS, bit_rate: 400_000 };
    let sim = Simulator::start(SimConfig {
        cameras: CAMERAS,
        drawn_main: drawn,
        audio: Audio::None,
        ..SimConfig::default()
    })?;
    let mut box_ = Box::new()?;
    let mut begun = SystemClock.now();
    box_.start().await?;
    box_.claim().await?;
    let mut ids = Vec::new();
    for n in 1..=CAMERAS {
        let source = sim.rtsp_url(n, StreamKind::Main);
        ids.push(box_.add_camera(&json!({ "name": format!("Camera {n}"), "source": source })).await?);
    }
    let mut dice = Dice::new(seed, &[0x9111]);
    let (mut worst, mut lost_before) = (0, [0; CAMERAS]);
    for kill in 0..kills {
        eventually("every camera is recorded", Duration::from_secs(60), async || {
            let rows = recorded::rows(&box_.data()).map_err(|e| e.to_string())?;
            let without = ids.iter().find(|id| !rows.iter().any(|r| &r.camera == *id && r.end > begun));
            without.map_or(Ok(()), |id| Err(format!("not {id} of {} rows", rows.len())))
        })
        .await;
        // The random moment is the experiment.
        tokio::time::sleep(Duration::from_millis(dice.next() % 3000)).await;
        box_.kill();
        let (killed, sent) = (SystemClock.now(), sent(&sim));
        begun = SystemClock.now();
        box_.start().await?;
        let kept = recorded::totals(&box_.data(), killed)?;
        for (n, id) in ids.iter().enumerate() {
            let (frames, until) = kept.get(id).context("a stream without a recording")?;
            let lost = sent[n].saturating_sub(u64::try_from(*frames)?);
            let now = lost - lost_before[n].min(lost);
            assert!(
                now <= MOST_LOST,
                "kill {kill} cost camera {n} {now} frames; recorded until {until}, killed {killed}, seed {seed}"
            );
            worst = worst.max(now);
            lost_before[n] = lost;
        }
    }
    box_.stop().await?;
    let files = recorded::all_is_whole(&box_, "main")?;
    println!(
        "{kills} kills under {CAMERAS} cameras: at most {worst} frames ({:.1} s) of a stream lost each time; {files} files whole",
        worst as f32 / FPS
    );
    Ok(())
}
