//! Receives one camera (or the same address several times) and says once a second how it goes:
//! `receive <address> [copies]`.

use heron_core::{CameraId, StreamKey, StreamKind, SystemClock};
use heron_hub::{Hub, HubConfig};
use heron_ingest::{ChannelObserver, Ingest, IngestConfig, StreamSpec};
use std::sync::Arc;
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("usage: receive <rtsp address> [copies]")?;
    let copies: usize = arguments.next().map_or(Ok(1), |n| n.parse())?;
    let hub = Hub::new(HubConfig::default());
    let (observer, mut notices) = ChannelObserver::new(1024);
    let ingest = Ingest::start(IngestConfig::default(), Arc::clone(&hub), Arc::new(SystemClock), observer)?;
    let keys: Vec<StreamKey> =
        (0..copies).map(|_| StreamKey::new(CameraId::generate(), StreamKind::Main)).collect();
    for key in &keys {
        ingest.add_stream(StreamSpec::new(*key, &url))?;
    }
    let mut readers: Vec<_> = keys.iter().map(|k| hub.stream(*k).pinned_reader()).collect();
    let mut units = Vec::new();
    loop {
        std::thread::sleep(Duration::from_secs(1));
        while let Ok(notice) = notices.try_recv() {
            println!("{notice:?}");
        }
        for reader in &mut readers {
            reader.drain(&mut units, usize::MAX);
        }
        if let Some(report) = keys.first().and_then(|k| ingest.statistics(*k)) {
            println!(
                "{} units in all; first stream: {} at {:.1} fps, {} lost, jitter {:.1} ms, {:?}; ring {} KiB",
                units.len(),
                report.link.bit_rate,
                report.link.frame_rate,
                report.link.packets_lost,
                report.link.jitter_ms,
                report.grade,
                hub.used_bytes() / 1024,
            );
        }
        units.clear();
    }
}
