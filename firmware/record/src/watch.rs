//! Once a minute each volume's thread asks how its disk is, and people are told when that changes.

use crate::disk_health::{DiskInQuestion, DiskReport, DiskVerdict};
use crate::shared::{Shared, Volume};
use heron_core::Severity;

/// Asks all that know something of the disk; the worst verdict counts.
pub(crate) fn look(shared: &Shared, volume: &Volume) {
    let Some(mount) = volume.mount() else { return };
    let disk = DiskInQuestion {
        path: volume.config.path.clone(),
        device: mount.block_device(),
        read_only: mount.is_read_only(),
        latency: volume.meter.latency(),
    };
    let reports = shared.disk_health.iter().filter_map(|h| h.judge(&disk));
    let worst = reports.max_by_key(|r| r.verdict);
    let before = std::mem::replace(&mut *volume.disk_report.lock(), worst.clone());
    let verdict = |r: &Option<DiskReport>| r.as_ref().map_or(DiskVerdict::Ok, |r| r.verdict);
    let (was, is) = (verdict(&before), verdict(&worst));
    if was == is {
        return;
    }
    match worst.filter(|_| is > DiskVerdict::Ok) {
        Some(report) => {
            let severity = if is == DiskVerdict::Failing { Severity::Critical } else { Severity::High };
            tracing::warn!(volume = %volume.config.path.display(), problem = report.text, "a disk needs looking after");
            shared.tell_volume(
                "volume.warning",
                severity,
                volume,
                &format!("needs looking after: {}", report.text),
            );
        }
        None => shared.tell_volume("volume.ok", Severity::Standard, volume, "is well again"),
    }
}
