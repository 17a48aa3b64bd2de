//! From what was asked for to the list of files that it becomes. Pure.

use crate::ExportError;
use crate::job::{ExportFormat, ExportRequest};
use heron_core::WallTime;
use std::collections::HashSet;
use std::time::Duration;

/// Cameras of one export: what one screen shows at once.
pub const MOST_CAMERAS: usize = 16;
/// Longest range. A day of sixteen cameras at 4 Mbit/s is 690 GB; nobody carries more away at once.
pub const LONGEST: Duration = Duration::from_secs(86_400);
/// Longest file in a ZIP. An hour of 4 Mbit/s is 1.8 GB: below the 4 GB of FAT32 and of 32-bit readers, 2.3 MB of plan, and
/// what has to be read again after a crash.
pub const PART: Duration = Duration::from_secs(3600);
/// Clocks of browser and box differ by so much.
const CLOCK_SLACK: Duration = Duration::from_secs(5);
/// Characters of a note.
const MOST_NOTE: usize = 500;

/// One MP4 of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlannedPart {
    /// Index in the request's cameras.
    pub camera: usize,
    pub start: WallTime,
    pub end: WallTime,
    /// Path in the ZIP.
    pub name: String,
}

/// Checks everything that can be said without looking at the recordings, and tidies the note.
///
/// # Errors
/// [`ExportError::Invalid`] naming the field.
pub(crate) fn check(request: &mut ExportRequest, now: WallTime) -> Result<(), ExportError> {
    let cameras = request.cameras.len();
    if cameras == 0 || cameras > MOST_CAMERAS {
        let problem = format!("1 to {MOST_CAMERAS} cameras can be exported at once, not {cameras}");
        return Err(ExportError::invalid("cameras", problem));
    }
    let mut seen = HashSet::new();
    if let Some(twice) = request.cameras.iter().find(|c| !seen.insert(c.id)) {
        return Err(ExportError::invalid("cameras", format!("camera {} is listed twice", twice.id)));
    }
    // Whole milliseconds, as in the manifest and in names.
    request.start = whole_millis(request.start);
    request.end = whole_millis(request.end);
    let (start, end) = (request.start, request.end);
    if start >= end {
        let problem = format!("must be after start; start is {start} and end is {end}");
        return Err(ExportError::invalid("end", problem));
    }
    if start > now {
        return Err(ExportError::invalid("start", format!("is in the future: {start}, and it is {now} now")));
    }
    if end > now + CLOCK_SLACK {
        let problem = format!("is in the future: {end}, and it is {now} now; export what has been recorded");
        return Err(ExportError::invalid("end", problem));
    }
    if end.saturating_since(start) > LONGEST {
        let problem = "is too far from start: at most 24 hours at once; export longer ranges in parts";
        return Err(ExportError::invalid("end", problem));
    }
    if request.format == ExportFormat::Mp4 && cameras > 1 {
        let problem = "mp4 holds one camera; ask for zip, which holds an MP4 of each";
        return Err(ExportError::invalid("format", problem));
    }
    if let Some(note) = request.note.take() {
        let note = note.trim().to_owned();
        if note.chars().count() > MOST_NOTE {
            return Err(ExportError::invalid("note", format!("at most {MOST_NOTE} characters")));
        }
        if note.chars().any(|c| c.is_control() && c != '\n') {
            return Err(ExportError::invalid("note", "must not hold control characters"));
        }
        request.note = (!note.is_empty()).then_some(note);
    }
    Ok(())
}

/// A time as it is written.
pub(crate) fn whole_millis(time: WallTime) -> WallTime {
    WallTime::from_millis(time.as_millis())
}

/// The files that a request becomes, in the order in which they are written: a camera after the other, each cut at every
/// full hour after `start`. An MP4 is one file.
pub(crate) fn parts(request: &ExportRequest) -> Vec<PlannedPart> {
    let length = match request.format {
        ExportFormat::Mp4 => LONGEST,
        ExportFormat::Zip => PART,
    };
    let mut parts = Vec::new();
    for (camera, shown) in request.cameras.iter().enumerate() {
        let folder = folder(camera, &shown.name);
        let mut start = request.start;
        while start < request.end {
            let end = (start + length).min(request.end);
            parts.push(PlannedPart { camera, start, end, name: format!("{folder}/{}.mp4", stamp(start)) });
            start = end;
        }
    }
    parts
}

/// The folder of a camera: its place in the list, so that no two are alike, and its name for people.
pub(crate) fn folder(camera: usize, name: &str) -> String {
    format!("{:02}-{}", camera + 1, safe(name))
}

/// What the file is called: ASCII, so that it survives every disk and every mail program.
pub(crate) fn file_name(request: &ExportRequest) -> String {
    let what = match request.cameras.as_slice() {
        [one] => safe(&one.name),
        several => format!("{}-cameras", several.len()),
    };
    let sealed = if request.evidence { "-evidence" } else { "" };
    format!("heron-{what}-{}{sealed}.{}", stamp(request.start), request.format.as_str())
}

/// A time in a file's name, UTC: `2026-11-20T094417Z`, with milliseconds where there are some.
fn stamp(time: WallTime) -> String {
    let text = time.to_string().replace(':', "");
    match text.strip_suffix(".000Z") {
        Some(whole) => format!("{whole}Z"),
        None => text,
    }
}

/// Letters, digits, `-` and `_` of ASCII; anything else is `_`. At most 40, never empty.
fn safe(name: &str) -> String {
    let safe: String =
        name.chars().take(40).map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
    if safe.is_empty() { "camera".to_owned() } else { safe }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::ExportedCamera;
    use heron_core::{CameraId, StreamKind};
    use proptest::prelude::*;
    use uuid::Uuid;

    fn at(seconds: i64) -> WallTime {
        WallTime::from_millis(seconds * 1000)
    }

    fn request(cameras: usize, start: WallTime, end: WallTime, format: ExportFormat) -> ExportRequest {
        let cameras = (0..cameras)
            .map(|n| ExportedCamera { id: CameraId(Uuid::from_u128(n as u128)), name: format!("Câm {n}") })
            .collect();
        ExportRequest {
            cameras,
            stream: StreamKind::Main,
            start,
            end,
            format,
            evidence: false,
            note: None,
            timezone: "UTC".into(),
        }
    }

    #[test]
    fn each_wrong_request_names_its_field() {
        let (now, zip) = (at(1_000_000), ExportFormat::Zip);
        for (mut wrong, field) in [
            (request(0, at(0), at(10), zip), "cameras"),
            (request(17, at(0), at(10), zip), "cameras"),
            (request(1, at(10), at(10), zip), "end"),
            (request(1, at(20), at(10), zip), "end"),
            (request(1, at(1_000_001), at(1_000_002), zip), "start"),
            (request(1, at(999_990), at(1_000_006), zip), "end"),
            (request(1, at(0), at(86_401), zip), "end"),
            (request(2, at(0), at(10), ExportFormat::Mp4), "format"),
            (ExportRequest { note: Some("x".repeat(501)), ..request(1, at(0), at(10), zip) }, "note"),
            (ExportRequest { note: Some("\u{7}".into()), ..request(1, at(0), at(10), zip) }, "note"),
        ] {
            assert_eq!(check(&mut wrong, now).unwrap_err().field(), Some(field), "{wrong:?}");
        }
        let mut twice = request(2, at(0), at(10), zip);
        twice.cameras[1].id = twice.cameras[0].id;
        assert_eq!(check(&mut twice, now).unwrap_err().field(), Some("cameras"));
        let mut right = ExportRequest { note: Some("  \n".into()), ..request(16, at(0), at(86_400), zip) };
        check(&mut right, now).unwrap();
        assert_eq!(right.note, None);
    }

    #[test]
    fn names_are_plain_whatever_cameras_are_called() {
        let mut r = request(1, at(0), at(10), ExportFormat::Mp4);
        r.cameras[0].name = "../../etc\\ \"Küche\"\r\n".into();
        assert_eq!(file_name(&r), "heron-______etc___K_che___-1970-01-01T000000Z.mp4");
        assert_eq!(parts(&r)[0].name, "01-______etc___K_che___/1970-01-01T000000Z.mp4");
        r.cameras[0].name = String::new();
        assert!(file_name(&r).starts_with("heron-camera-"));
        assert_eq!(stamp(WallTime::from_millis(1_234)), "1970-01-01T000001.234Z");
    }

    proptest! {
        #[test]
        fn parts_cover_the_range_of_each_camera_once(
            cameras in 1usize..=16, start in 0i64..10_000_000, length in 1i64..86_400_000,
        ) {
            let (start, end) = (WallTime::from_millis(start), WallTime::from_millis(start + length));
            let r = request(cameras, start, end, ExportFormat::Zip);
            let parts = parts(&r);
            let names: HashSet<&str> = parts.iter().map(|p| p.name.as_str()).collect();
            prop_assert_eq!(names.len(), parts.len());
            for camera in 0..cameras {
                let mut until = start;
                for part in parts.iter().filter(|p| p.camera == camera) {
                    prop_assert_eq!(part.start, until);
                    prop_assert!(part.end > part.start && part.end.saturating_since(part.start) <= PART);
                    until = part.end;
                }
                prop_assert_eq!(until, end);
            }
        }
    }
}
