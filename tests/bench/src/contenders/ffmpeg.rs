//! `ffmpeg -c copy`, one process per camera, fragmented MP4 in segments of a minute.

use crate::process::Group;
use anyhow::Result;
use std::path::Path;
use std::process::Command;

pub(super) fn start(dir: &Path, urls: &[String]) -> Result<Group> {
    let mut group = Group::new();
    for (i, url) in urls.iter().enumerate() {
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-nostdin", "-rtsp_transport", "tcp", "-i", url, "-c", "copy", "-an"]);
        command.args(["-f", "segment", "-segment_time", "60", "-segment_format", "mp4"]);
        command.args(["-segment_format_options", "movflags=+frag_keyframe+empty_moov+default_base_moof"]);
        command.arg(dir.join(format!("{i}-%d.mp4")));
        group.start(&mut command, &dir.join(format!("{i}.log")))?;
    }
    Ok(group)
}
