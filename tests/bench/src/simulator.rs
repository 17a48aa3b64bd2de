//! The cameras that are recorded: a process of its own, with an HTTP API that tells what they sent.

use crate::process::{self, Group};
use crate::{Place, http};
use anyhow::{Context, Result};
use clap::ValueEnum;
use serde::Serialize;
use std::path::Path;
use std::process::Command;

/// How a simulated camera writes to its socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Sending {
    /// One send per frame.
    Burst,
    /// One send per RTP packet.
    Packet,
}

/// Running cameras.
pub(crate) struct Simulator {
    group: Group,
    rtsp: u16,
    control: u16,
    cameras: usize,
}

/// What all cameras together have sent of their main streams' pictures.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Sent {
    /// Sent whole.
    pub(crate) whole: u64,
    /// Thrown away because a client's socket stayed full or the simulator itself was too late.
    pub(crate) dropped: u64,
    /// Connections that have ever played.
    pub(crate) sessions: u64,
}

impl Simulator {
    /// Starts `cameras` cameras that show `clip`; its log goes into `dir`.
    pub(crate) fn start(
        place: &Place,
        clip: &Path,
        cameras: usize,
        sending: Sending,
        dir: &Path,
    ) -> Result<Self> {
        let (rtsp, control) = (process::free_port()?, process::free_port()?);
        let mut group = Group::new();
        let mut command = Command::new(place.programs.join("heron-sim"));
        command.args(["--rtsp", &format!("127.0.0.1:{rtsp}"), "--control", &format!("127.0.0.1:{control}")]);
        command.args(["--cameras", &cameras.to_string()]).arg("--footage").arg(clip);
        command.arg(if sending == Sending::Burst { "--burst" } else { "--packet" });
        group.start(&mut command, &dir.join("sim.log"))?;
        process::wait_for_port(rtsp, &mut group)?;
        process::wait_for_port(control, &mut group)?;
        Ok(Self { group, rtsp, control, cameras })
    }

    /// Addresses of the main streams.
    pub(crate) fn urls(&self) -> Vec<String> {
        (1..=self.cameras).map(|n| format!("rtsp://127.0.0.1:{}/cam{n}/main", self.rtsp)).collect()
    }

    /// No camera sends anything from now on; connections stay.
    pub(crate) fn stall(&self) -> Result<()> {
        let mut connection = http::Connection::open(self.control, None)?;
        for camera in 1..=self.cameras {
            let faults = serde_json::json!({ "stall": { "answers": true } });
            connection.put(&format!("/cameras/{camera}/faults"), &faults)?.json()?;
        }
        Ok(())
    }

    /// What has been sent so far.
    pub(crate) fn sent(&mut self) -> Result<Sent> {
        self.group.check()?;
        let mut connection = http::Connection::open(self.control, None)?;
        let mut sum = Sent::default();
        for camera in 1..=self.cameras {
            let counters = connection.get(&format!("/cameras/{camera}/counters"), None)?.json()?;
            let main = &counters["main"];
            let video = &main["video"];
            sum.whole += video["frames"].as_u64().context("the simulator counts no frames")?;
            sum.dropped +=
                video["frames_dropped"].as_u64().context("the simulator counts no dropped frames")?;
            sum.sessions += main["sessions"].as_u64().context("the simulator counts no sessions")?;
        }
        Ok(sum)
    }
}
