//! What cameras do wrong: the recording before and after each fault is whole to the frame, and the ledger says why there
//! is a hole.
#![allow(missing_docs)]

use anyhow::{Context, Result};
use heron_core::{Clock, MediaTime, StreamKind, SystemClock, TrackKind, WallTime};
use heron_e2e::herond::Box;
use heron_e2e::{eventually, picture};
use heron_faults::recorded;
use heron_sim::faults::{Garbage, Stall};
use heron_sim::{Audio, Drawn, FaultHandle, SimConfig, Simulator};
use serde_json::json;
use std::time::Duration;

const S: fn(u64) -> Duration = Duration::from_secs;
/// Frames that may be on their way when the daemon is told to stop, or when a connection is cut: half a second.
const ON_THE_WAY: u64 = 5;

/// What is left of a fault.
struct Left {
    box_: Box,
    /// Reasons of the gaps, in order.
    reasons: Vec<String>,
    /// Time codes of all pictures, in the order of the files.
    codes: Vec<WallTime>,
    sent: u64,
    fault: (WallTime, WallTime),
}

/// Records a drawn camera, does `harm` to it for `lasting`, and waits until recording goes on; then every file must be
/// whole and no frame that was sent may be missing but for `lost`.
async fn survives(
    what: &str,
    lost: u64,
    lasting: Duration,
    harm: impl FnOnce(&FaultHandle) -> Result<(), String>,
) -> Result<Left> {
    let drawn = Drawn { size: (640, 64), fps: 10.0, bit_rate: 400_000 };
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
    let begun = SystemClock.now();
    harm(&sim.faults(1)).map_err(anyhow::Error::msg)?;
    // How long the fault lasts is the fault.
    tokio::time::sleep(lasting).await;
    let ended = SystemClock.now();
    eventually("recording goes on", S(30), async || {
        let timeline = box_.timeline(&id).await.map_err(|e| e.to_string())?;
        let goes_on = timeline.spans("main").any(|(_, end)| end > ended + S(3));
        if goes_on { Ok(()) } else { Err(format!("{timeline:?}")) }
    })
    .await;
    let timeline = box_.timeline(&id).await?;
    assert!(timeline.spans("main").all(|(start, end)| end > start), "{timeline:?}");
    let reasons = timeline.gaps("main").map(|g| g.2.to_owned()).collect();
    let counters = sim.counters(1, StreamKind::Main).video;
    box_.stop().await?;
    recorded::all_is_whole(&box_, "main")?;
    let files = box_.files("main");
    for file in &files {
        picture::decodes(file).with_context(|| format!("{what}: {files:?}"))?;
    }
    let codes = recorded::time_codes(&files)?;
    let pictures = recorded::distinct(codes.clone());
    assert_eq!(pictures.len(), codes.len(), "no picture is there twice");
    let least = counters.frames.saturating_sub(ON_THE_WAY + lost);
    assert!(
        pictures.len() as u64 >= least,
        "{what}: {} of {} frames that were sent are there; {timeline:?}",
        pictures.len(),
        counters.frames
    );
    Ok(Left { box_, reasons, codes, sent: counters.frames, fault: (begun, ended) })
}

impl Left {
    /// The ledger has nothing, or nothing but this.
    fn said_only(&self, reason: &str) {
        assert!(self.reasons.iter().all(|r| r == reason), "{:?}", self.reasons);
    }
    fn has_no_gap(&self) {
        assert!(self.reasons.is_empty(), "{:?}", self.reasons);
        assert!(self.sent > 0);
    }
}

#[tokio::test]
async fn a_dropped_connection() -> Result<()> {
    let left = survives("drop", ON_THE_WAY, S(0), |faults| {
        faults.drop_connections();
        Ok(())
    })
    .await?;
    left.said_only("camera_unreachable");
    Ok(())
}

#[tokio::test]
async fn a_camera_that_stalls() -> Result<()> {
    let stall = Stall { seconds: Some(8.0), answers: false };
    let left = survives("stall", ON_THE_WAY, S(8), |faults| faults.change(|f| f.stall = Some(stall))).await?;
    assert_eq!(left.reasons, ["camera_unreachable"]);
    let inside = left.codes.iter().filter(|c| **c > left.fault.0 + S(1) && **c < left.fault.1 - S(1)).count();
    assert_eq!(inside, 0, "nothing was sent meanwhile");
    Ok(())
}

#[tokio::test]
async fn parameter_sets_that_change_begin_a_new_file() -> Result<()> {
    let left = survives("parameter sets", 0, S(0), |faults| faults.change(|f| f.parameter_sets = 1)).await?;
    assert!(
        left.box_.files("main").len() >= 2,
        "one file cannot have two sets: {:?}",
        left.box_.files("main")
    );
    left.has_no_gap();
    Ok(())
}

#[tokio::test]
async fn a_resolution_that_changes_begins_a_new_file() -> Result<()> {
    let left =
        survives("resolution", 0, S(0), |faults| faults.change(|f| f.main_size = Some((960, 540)))).await?;
    let sizes: Vec<_> = left
        .box_
        .files("main")
        .iter()
        .map(|f| picture::probe(f).map(|shown| shown["streams"][0]["width"].as_u64()))
        .collect::<Result<_>>()?;
    assert!(sizes.contains(&Some(640)) && sizes.contains(&Some(960)), "{sizes:?}");
    left.has_no_gap();
    Ok(())
}

#[tokio::test]
async fn an_endless_group_of_pictures_is_cut_into_fragments_of_a_second() -> Result<()> {
    let left = survives("endless GOP", 0, S(6), |faults| faults.change(|f| f.endless_gop = true)).await?;
    left.has_no_gap();
    for file in left.box_.files("main") {
        let scan = heron_media::mp4::scan::scan(&std::fs::File::open(&file)?);
        let long = |f: &&heron_media::mp4::FragmentIndex| {
            f.track(TrackKind::Video).is_some_and(|t| t.duration > (MediaTime::HZ + MediaTime::HZ / 5) as u64)
        };
        assert!(scan.fragments.len() > 6, "{}", scan.fragments.len());
        assert!(scan.fragments.iter().find(long).is_none(), "a fragment longer than a second");
    }
    Ok(())
}

#[tokio::test]
async fn garbage_between_packets() -> Result<()> {
    let garbage = Garbage { bytes: 300, every_packets: 7 };
    let left = survives("garbage", 0, S(3), |faults| faults.change(|f| f.garbage = Some(garbage))).await?;
    left.has_no_gap();
    Ok(())
}

#[tokio::test]
async fn timestamps_that_run_backward() -> Result<()> {
    let left = survives("timestamps", 0, S(2), |faults| {
        faults.timestamp_jump(-3_600_000);
        Ok(())
    })
    .await?;
    left.said_only("stream_discontinuity");
    Ok(())
}

#[tokio::test]
async fn timestamps_that_stumble_back_by_a_second_again_and_again() -> Result<()> {
    let left = survives("stumbling", 0, S(0), |faults| {
        for _ in 0..3 {
            faults.timestamp_jump(-1000);
        }
        Ok(())
    })
    .await?;
    left.said_only("stream_discontinuity");
    Ok(())
}

#[tokio::test]
async fn a_camera_clock_that_jumps_an_hour_forward_and_back() -> Result<()> {
    for by in [3_600_000, -3_600_000] {
        let left = survives("clock", 0, S(3), |faults| {
            faults.clock_jump(by);
            Ok(())
        })
        .await?;
        left.has_no_gap();
        assert_eq!(left.box_.files("main").len(), 1, "the camera's wall clock is no reason for a new file");
    }
    Ok(())
}

/// 200 ppm part the camera from the box by 0.24 s in twenty minutes; 20,000 ppm do so in twelve seconds. What follows it
/// works on the difference, so a hundredth of the time with a hundred times the drift asks at least as much of it.
#[tokio::test]
async fn a_camera_clock_that_drifts() -> Result<()> {
    let left = survives("drift", 0, S(12), |faults| faults.change(|f| f.drift_ppm = 20_000.0)).await?;
    left.said_only("stream_discontinuity");
    Ok(())
}

#[tokio::test]
async fn a_bit_rate_ten_times_as_high() -> Result<()> {
    let left = survives("burst", 0, S(4), |faults| faults.change(|f| f.bit_rate_factor = Some(10.0))).await?;
    left.has_no_gap();
    Ok(())
}
