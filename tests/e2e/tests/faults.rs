//! What cameras do wrong: recording before and after each fault stays whole, and goes on by itself.

use anyhow::{Context, Result};
use heron_core::{Clock, StreamKind, SystemClock};
use heron_e2e::herond::Box;
use heron_e2e::{eventually, picture};
use heron_sim::faults::Garbage;
use heron_sim::{Audio, Drawn, FaultHandle, SimConfig, Simulator};
use serde_json::json;
use std::time::Duration;

const S: fn(u64) -> Duration = Duration::from_secs;

/// Records a drawn camera, does `harm` to it, and waits until recording goes on; then every file must be whole.
async fn survives(what: &str, harm: impl FnOnce(&FaultHandle) -> Result<(), String>) -> Result<Box> {
    let drawn = Drawn { size: (640, 360), fps: 10.0, bit_rate: 400_000 };
    let sim = Simulator::start(SimConfig {
        drawn_main: drawn,
        drawn_sub: drawn,
        gop_seconds: 1.0,
        audio: Audio::G711u,
        ..SimConfig::default()
    })?;
    let mut box_ = Box::new()?;
    box_.start().await?;
    box_.claim().await?;
    let source = sim.rtsp_url(1, StreamKind::Main);
    let id = box_.add_camera(&json!({ "name": what, "source": source })).await?;
    box_.recorded(&id, "main", S(3)).await;
    harm(&sim.faults(1)).map_err(anyhow::Error::msg)?;
    let harmed = SystemClock.now();
    eventually("recording goes on", S(30), async || {
        let timeline = box_.timeline(&id).await.map_err(|e| e.to_string())?;
        let goes_on = timeline.spans("main").any(|(_, end)| end > harmed + S(4));
        if goes_on { Ok(()) } else { Err(format!("{timeline:?}")) }
    })
    .await;
    let timeline = box_.timeline(&id).await?;
    assert!(timeline.spans("main").all(|(start, end)| end > start), "{timeline:?}");
    box_.stop().await?;
    let recorded = box_.files("main");
    assert!(!recorded.is_empty());
    for file in &recorded {
        picture::probe(file).with_context(|| format!("{what}: {recorded:?}"))?;
        picture::decodes(file).with_context(|| format!("{what}: {recorded:?}"))?;
    }
    let checked = box_.command(&["fsck"])?;
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    Ok(box_)
}

#[tokio::test]
async fn a_dropped_connection() -> Result<()> {
    survives("drop", |faults| {
        faults.drop_connections();
        Ok(())
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn parameter_sets_that_change_begin_a_new_file() -> Result<()> {
    let box_ = survives("parameter sets", |faults| faults.change(|f| f.parameter_sets = 1)).await?;
    assert!(box_.files("main").len() >= 2, "one file cannot have two sets: {:?}", box_.files("main"));
    Ok(())
}

#[tokio::test]
async fn a_resolution_that_changes_begins_a_new_file() -> Result<()> {
    let box_ = survives("resolution", |faults| faults.change(|f| f.main_size = Some((960, 540)))).await?;
    let files = box_.files("main");
    let sizes: Vec<_> = files
        .iter()
        .map(|f| picture::probe(f).map(|shown| shown["streams"][0]["width"].as_u64()))
        .collect::<Result<_>>()?;
    assert!(sizes.contains(&Some(640)) && sizes.contains(&Some(960)), "{sizes:?}");
    Ok(())
}

#[tokio::test]
async fn an_endless_group_of_pictures() -> Result<()> {
    survives("endless GOP", |faults| faults.change(|f| f.endless_gop = true)).await?;
    Ok(())
}

#[tokio::test]
async fn garbage_between_packets() -> Result<()> {
    survives("garbage", |faults| {
        faults.change(|f| f.garbage = Some(Garbage { bytes: 300, every_packets: 7 }))
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn timestamps_that_jump_an_hour_back() -> Result<()> {
    survives("timestamps", |faults| {
        faults.timestamp_jump(-3_600_000);
        Ok(())
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_camera_clock_that_jumps_an_hour() -> Result<()> {
    let box_ = survives("clock", |faults| {
        faults.clock_jump(3_600_000);
        Ok(())
    })
    .await?;
    assert_eq!(box_.files("main").len(), 1, "the camera's wall clock is no reason for a new file");
    Ok(())
}

#[tokio::test]
async fn a_bit_rate_ten_times_as_high() -> Result<()> {
    survives("burst", |faults| faults.change(|f| f.bit_rate_factor = Some(10.0))).await?;
    Ok(())
}
