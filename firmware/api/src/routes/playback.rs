//! HLS over the recorded bytes.

use super::live::StreamName;
use crate::extract::{Path, Query};
use crate::http::stream::{OpenFile, Representation, serve};
use crate::problem::{Problem, ProblemDocument};
use crate::state::{ApiState, App};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::response::Response;
use bytes::Bytes;
use heron_core::{CameraId, StreamKey, WallTime};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;
use uuid::Uuid;

/// A closed segment never changes; it goes when retention takes it.
const FOR_EVER: &str = "private, max-age=31536000, immutable";
/// A segment that is being written grows.
const ASK_AGAIN: &str = "private, no-cache";

/// Which footage.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FootageQuery {
    #[param(value_type = String, format = DateTime)]
    pub(crate) start: WallTime,
    /// At most a day after `start`.
    #[param(value_type = String, format = DateTime)]
    pub(crate) end: WallTime,
    /// `main` when absent.
    #[serde(default)]
    pub(crate) stream: StreamName,
}

/// Which footage, and whether all of it.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PlaylistQuery {
    #[param(value_type = String, format = DateTime)]
    start: WallTime,
    /// At most a day after `start`.
    #[param(value_type = String, format = DateTime)]
    end: WallTime,
    /// `main` when absent.
    #[serde(default)]
    stream: StreamName,
    /// `1`: key frames alone, without sound, for looking through at 8 or 16 times real time.
    #[serde(default)]
    #[param(value_type = u8, minimum = 0, maximum = 1)]
    keys: Switch,
}

/// `0` or `1`, as it stands in an address.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
enum Switch {
    #[default]
    #[serde(rename = "0")]
    Off,
    #[serde(rename = "1")]
    On,
}

/// A playlist of the footage between two instants
///
/// With `keys=1` the pictures are the key frames alone; each stands until the next, so the time line is that of the
/// recording and a player only has to play it faster. HLS version 7 (RFC 8216) over byte ranges of the recorded files, from the key frame at or before `start`. Gaps are
/// discontinuities; `EXT-X-PROGRAM-DATE-TIME` is the time of the pictures. When `end` lies in the future the list grows
/// until then. Addresses in it are relative and need the same session.
#[utoipa::path(get, path = "/api/v1/cameras/{id}/playback.m3u8", tag = "playback",
    params(("id" = Uuid, Path), PlaylistQuery), responses(
    (status = 200, body = String, content_type = "application/vnd.apple.mpegurl"),
    (status = 404, body = ProblemDocument, description = "No such camera, or nothing was recorded"),
))]
pub(crate) async fn playlist(
    State(app): State<App>,
    Path(id): Path<Uuid>,
    Query(query): Query<PlaylistQuery>,
) -> Result<([(HeaderName, &'static str); 2], String), Problem> {
    let camera = app.cameras.get(CameraId(id))?.id;
    let key = StreamKey::new(camera, query.stream.into());
    let PlaylistQuery { start, end, keys, .. } = query;
    let make = move |rooms: &ApiState| match keys {
        Switch::Off => rooms.playback.playlist(key, start, end, "segments"),
        Switch::On => rooms.playback.keys_playlist(key, start, end, "segments"),
    };
    let text = app.disk(make).await??;
    let headers = [
        (header::CONTENT_TYPE, "application/vnd.apple.mpegurl"),
        (header::CACHE_CONTROL, "private, no-cache"),
    ];
    Ok((headers, text))
}

/// A recorded file
///
/// `{name}` is `<segment>.mp4` as in the playlist. Serves single byte ranges (RFC 9110 §14), also of the file that is
/// still being written: whole fragments only.
#[utoipa::path(get, path = "/api/v1/cameras/{id}/segments/{name}", tag = "playback",
    params(("id" = Uuid, Path), ("name" = String, Path, description = "`<segment>.mp4`")), responses(
    (status = 200, description = "The whole file", content_type = "video/mp4"),
    (status = 206, description = "The range asked for", content_type = "video/mp4"),
    (status = 304, description = "It is what `If-None-Match` names"),
    (status = 404, body = ProblemDocument, description = "There is no such segment, or no longer"),
    (status = 416, body = ProblemDocument, description = "The range lies outside the file"),
))]
pub(crate) async fn segment(
    State(app): State<App>,
    method: Method,
    headers: HeaderMap,
    Path((id, name)): Path<(Uuid, String)>,
) -> Result<Response, Problem> {
    let segment = name.strip_suffix(".mp4").and_then(number).ok_or_else(|| no_such(&name))?;
    let camera = CameraId(id);
    let source = app
        .disk(move |rooms| {
            let playback = &rooms.playback;
            // A segment of another camera is not there, whoever asks: rights may differ by camera.
            match playback.segment(segment)? {
                s if s.stream.camera == camera => playback.segment_source(segment),
                _ => Err(heron_record::RecordError::NoSuchSegment(segment)),
            }
        })
        .await??;
    let representation = Representation {
        content: Arc::new(OpenFile { file: Arc::new(source.file), len: source.length }),
        content_type: HeaderValue::from_static("video/mp4"),
        etag: source.etag,
        cache_control: if source.complete { FOR_EVER } else { ASK_AGAIN },
    };
    Ok(serve(&method, &headers, representation))
}

/// A part of a recorded file, made for playing
///
/// For recordings with G.711 sound, which browsers do not play in MP4: the pictures as they are, the sound as FLAC
/// (`init.mp4`, `<offset>-<length>.m4s`). For playing many times faster: the key frames of that part alone (`keys.mp4`,
/// `keys-<offset>-<length>.m4s`). Names are those of the playlist.
#[utoipa::path(get, path = "/api/v1/cameras/{id}/segments/{name}/{part}", tag = "playback",
    params(("id" = Uuid, Path), ("name" = String, Path, description = "Number of the segment"),
        ("part" = String, Path, description = "`init.mp4`, `<offset>-<length>.m4s`, `keys.mp4` or `keys-<offset>-<length>.m4s`")), responses(
    (status = 200, content_type = "video/mp4", description = "The init segment or the fragments"),
    (status = 206, description = "The range asked for", content_type = "video/mp4"),
    (status = 404, body = ProblemDocument, description = "There is no such segment, or no such part of it"),
    (status = 416, body = ProblemDocument, description = "The range lies outside the part"),
))]
pub(crate) async fn part(
    State(app): State<App>,
    method: Method,
    headers: HeaderMap,
    Path((id, name, part)): Path<(Uuid, String, String)>,
) -> Result<Response, Problem> {
    let segment = number(&name).ok_or_else(|| no_such(&name))?;
    let wanted = Part::parse(&part).ok_or_else(|| no_such(&part))?;
    let camera = CameraId(id);
    let bytes: Bytes = app
        .disk(move |rooms| {
            let playback = &rooms.playback;
            if playback.segment(segment)?.stream.camera != camera {
                return Err(heron_record::RecordError::NoSuchSegment(segment));
            }
            match wanted {
                Part::Init => playback.rewritten_init(segment),
                Part::Fragments { offset, length } => playback.rewritten(segment, offset, length),
                Part::KeysInit => playback.keys_init(segment),
                Part::Keys { offset, length } => playback.keys(segment, offset, length),
            }
        })
        .await??;
    let representation = Representation {
        etag: format!("\"{segment:x}-{part}-{:x}\"", bytes.len()),
        content: Arc::new(bytes),
        content_type: HeaderValue::from_static("video/mp4"),
        cache_control: FOR_EVER,
    };
    Ok(serve(&method, &headers, representation))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Init,
    Fragments { offset: u64, length: u64 },
    KeysInit,
    Keys { offset: u64, length: u64 },
}

/// The most that is rewritten at once: a playlist's entry of 8 s at 32 Mbit/s.
const LARGEST_PART: u64 = 32 << 20;
/// The most that key frames are taken from at once, a tenth of which they are: an entry of 10 s and a group of pictures of
/// 10 s at 48 Mbit/s.
const LARGEST_KEYS: u64 = 128 << 20;

impl Part {
    fn parse(text: &str) -> Option<Self> {
        if text == "init.mp4" {
            return Some(Self::Init);
        }
        if text == "keys.mp4" {
            return Some(Self::KeysInit);
        }
        let range = text.strip_suffix(".m4s")?;
        let (keys, range) = range.strip_prefix("keys-").map_or((false, range), |range| (true, range));
        let (offset, length) = range.split_once('-')?;
        let (offset, length) = (number(offset)?.try_into().ok()?, number(length)?.try_into().ok()?);
        match keys {
            true => (length <= LARGEST_KEYS).then_some(Self::Keys { offset, length }),
            false => (length <= LARGEST_PART).then_some(Self::Fragments { offset, length }),
        }
    }
}

/// Plain digits; nothing that only looks like a number.
fn number(text: &str) -> Option<i64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn no_such(name: &str) -> Problem {
    Problem::not_found(format!("There is no recording {name:?}; the playlist lists what there is."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_digits_or_nothing() {
        assert_eq!(number("12"), Some(12));
        for bad in ["", "-1", "+1", "1 ", "0x1", "99999999999999999999", "../1"] {
            assert_eq!(number(bad), None, "{bad:?}");
        }
        assert_eq!(Part::parse("init.mp4"), Some(Part::Init));
        assert_eq!(Part::parse("10-20.m4s"), Some(Part::Fragments { offset: 10, length: 20 }));
        assert_eq!(Part::parse("keys.mp4"), Some(Part::KeysInit));
        assert_eq!(Part::parse("keys-10-20.m4s"), Some(Part::Keys { offset: 10, length: 20 }));
        for bad in [
            "keys-10.m4s",
            "keys--1-2.m4s",
            "keys-keys-1-2.m4s",
            "10-20",
            "-20.m4s",
            "10-.m4s",
            "10-99999999999.m4s",
            "a-b.m4s",
            "init.m4s",
            "",
        ] {
            assert_eq!(Part::parse(bad), None, "{bad:?}");
        }
    }
}
