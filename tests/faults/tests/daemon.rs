//! The whole daemon on disks that break: what people see, and that it can be stopped.
#![allow(missing_docs)]

use anyhow::Result;
use heron_core::{Clock, StreamKind, SystemClock};
use heron_e2e::eventually;
use heron_e2e::herond::Box;
use heron_faults::disk::{BadDisk, Op};
use heron_faults::recorded;
use heron_sim::{Audio, Drawn, SimConfig, Simulator};
use serde_json::json;
use std::time::Duration;

const S: fn(u64) -> Duration = Duration::from_secs;
const MIB: u64 = 1 << 20;

fn camera() -> Result<Simulator> {
    let drawn = Drawn { size: (640, 64), fps: 10.0, bit_rate: 400_000 };
    Ok(Simulator::start(SimConfig { drawn_main: drawn, audio: Audio::None, ..SimConfig::default() })?)
}

/// A daemon that records one camera to the first of two disks.
async fn two_disks() -> Result<Option<(Simulator, Box, [BadDisk; 2], String)>> {
    let sim = camera()?;
    let mut box_ = Box::new()?;
    let (one, two) = (box_.dir().join("one"), box_.dir().join("two"));
    let Some(first) = BadDisk::mount(&one, 600 * MIB) else { return Ok(None) };
    let Some(second) = BadDisk::mount(&two, 300 * MIB) else { return Ok(None) };
    box_.set_volumes(&[(&one, ""), (&two, "")])?;
    box_.start().await?;
    box_.claim().await?;
    let source = sim.rtsp_url(1, StreamKind::Main);
    let id = box_.add_camera(&json!({ "name": "Gate", "source": source })).await?;
    box_.recorded(&id, "main", S(3)).await;
    assert!(first.used() > second.used(), "it records to the larger one");
    Ok(Some((sim, box_, [first, second], id)))
}

#[tokio::test]
async fn a_disk_that_hangs_loses_no_frame_and_the_page_goes_on_answering() -> Result<()> {
    let Some((sim, mut box_, disks, id)) = two_disks().await? else { return Ok(()) };
    disks[0].stall(&Op::ALL);
    eventually("the other disk to be written", S(30), async || {
        let storage = box_.get("/storage").await.map_err(|e| e.to_string())?;
        let state = storage["volumes"][0]["state"].clone();
        if disks[1].used() > 100_000 && state == "failed" { Ok(()) } else { Err(storage.to_string()) }
    })
    .await;
    assert!(disks[0].waiting() > 0, "it hangs still");
    let moved = SystemClock.now();
    eventually("recording goes on", S(30), async || {
        let timeline = box_.timeline(&id).await.map_err(|e| e.to_string())?;
        let goes_on = timeline.spans("main").any(|(_, end)| end > moved + S(3));
        if goes_on { Ok(()) } else { Err(format!("{timeline:?}")) }
    })
    .await;
    disks[0].heal();
    eventually("the disk to come back", S(60), async || {
        let storage = box_.get("/storage").await.map_err(|e| e.to_string())?;
        if storage["volumes"][0]["state"] == "ok" { Ok(()) } else { Err(storage.to_string()) }
    })
    .await;
    let timeline = box_.timeline(&id).await?;
    assert_eq!((timeline.spans("main").count(), timeline.gaps("main").count()), (1, 0), "{timeline:?}");
    let sent = sim.counters(1, StreamKind::Main).video.frames;
    box_.stop().await?;
    recorded::all_is_whole(&box_, "main")?;
    let pictures = recorded::distinct(recorded::time_codes(&box_.files("main"))?);
    assert!(pictures.len() as u64 + 5 >= sent, "{} of {sent} frames", pictures.len());
    Ok(())
}

#[tokio::test]
async fn a_disk_that_hangs_does_not_keep_the_daemon_from_stopping() -> Result<()> {
    let Some((_sim, mut box_, disks, _)) = two_disks().await? else { return Ok(()) };
    disks[0].stall(&[Op::Write, Op::Sync]);
    eventually("a call to hang", S(20), async || {
        if disks[0].waiting() > 0 { Ok(()) } else { Err("not yet") }.map_err(str::to_owned)
    })
    .await;
    box_.terminate()?;
    eventually("everything that can be done to be done", S(30), async || {
        if box_.log_text().contains("recording has stopped") { Ok(()) } else { Err(box_.log_text()) }
    })
    .await;
    assert!(
        disks[0].waiting() > 0,
        "the system lets nobody go who waits for a disk; the daemon is done all the same"
    );
    disks[0].heal();
    box_.stop().await?;
    // What hung is looked at when it starts again.
    box_.start().await?;
    box_.stop().await?;
    recorded::all_is_whole(&box_, "main")?;
    Ok(())
}
