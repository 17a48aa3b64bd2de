//! The spine: a camera in, on disk, and on screen. Each test has its own cameras and its own box.

use anyhow::{Context, Result};
use futures_util::StreamExt;
use heron_core::{Clock, StreamKind, SystemClock, WallTime};
use heron_e2e::herond::Box;
use heron_e2e::{eventually, footage, picture};
use heron_sim::{Audio, Auth, Drawn, SimConfig, Simulator, timecode};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};

const S: fn(u64) -> Duration = Duration::from_secs;

/// Small drawn pictures: what is drawn and encoded here is drawn and encoded without optimisation elsewhere.
fn small() -> SimConfig {
    let drawn = Drawn { size: (640, 360), fps: 10.0, bit_rate: 400_000 };
    SimConfig {
        drawn_main: drawn,
        drawn_sub: drawn,
        gop_seconds: 1.0,
        audio: Audio::None,
        ..SimConfig::default()
    }
}

fn camera(sim: &Simulator, number: usize) -> Value {
    json!({ "name": format!("cam{number}"), "source": sim.rtsp_url(number, StreamKind::Main) })
}

/// Films instead of a drawn scene.
fn filmed(file: &Path) -> SimConfig {
    SimConfig { footage: vec![file.to_path_buf()], ..small() }
}

async fn claimed_box() -> Result<Box> {
    let mut made = Box::new()?;
    made.start().await?;
    made.claim().await?;
    Ok(made)
}

/// The instant whose low 32 bits of milliseconds are `code`, nearest to `about`.
fn instant(code: u32, about: WallTime) -> WallTime {
    let difference = code.wrapping_sub(about.as_millis() as u32) as i32;
    WallTime::from_millis(about.as_millis() + i64::from(difference))
}

fn codes(file: &Path, frames: usize) -> Result<Vec<u32>> {
    let (width, pictures) = picture::luma(file, frames)?;
    Ok(pictures.iter().filter_map(|p| timecode::read(p, width)).collect())
}

#[tokio::test]
async fn a_known_second_plays_and_shows_its_time_code() -> Result<()> {
    let sim = Simulator::start(small())?;
    let box_ = claimed_box().await?;
    let id = box_.add_camera(&camera(&sim, 1)).await?;
    let stream = box_.online(&id, "main").await;
    assert_eq!(stream["codec"], "h264");
    assert_eq!((&stream["width"], &stream["height"]), (&json!(640), &json!(360)));

    let (start, end) = box_.recorded(&id, "main", S(6)).await;
    // Not on a key frame: the edit list has to do the rest.
    let wanted = start.plus_nanos(3_350_000_000);
    let until = wanted + S(2);
    assert!(until <= end);
    let clip = box_.bytes(&format!("/cameras/{id}/video.mp4?start={wanted}&end={until}")).await?;
    let file = box_.data().join("clip.mp4");
    std::fs::write(&file, &clip)?;
    picture::probe(&file)?;
    let codes = codes(&file, 15)?;
    assert!(codes.len() >= 10, "only {} of the clip's pictures carry a time code", codes.len());
    let shown = instant(codes[0], wanted);
    let off = shown.nanos_since(wanted).abs() / 1_000_000;
    assert!(off <= 250, "asked for {wanted}, the first picture is of {shown}: {off} ms away");
    assert!(codes.windows(2).all(|w| (1..400).contains(&w[1].wrapping_sub(w[0]))), "not in order: {codes:?}");

    let playlist = String::from_utf8(
        box_.bytes(&format!("/cameras/{id}/playback.m3u8?start={start}&end={end}")).await?,
    )?;
    let date = playlist
        .lines()
        .find_map(|l| l.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:"))
        .context("no program date")?
        .parse::<WallTime>()
        .map_err(anyhow::Error::msg)?;
    let first = hls_first_segment(&box_, &id, &playlist).await?;
    std::fs::write(&file, first)?;
    let code = *self::codes(&file, 1)?.first().context("the first segment shows no time code")?;
    let off = instant(code, date).nanos_since(date).abs() / 1_000_000;
    assert!(off <= 250, "the playlist says {date}, its first picture is {off} ms away");
    Ok(())
}

/// Init and first media segment of a playlist, as a player fetches them.
async fn hls_first_segment(box_: &Box, camera: &str, playlist: &str) -> Result<Vec<u8>> {
    let map = playlist.lines().find_map(|l| l.strip_prefix("#EXT-X-MAP:")).context("no map")?;
    let attribute = |name: &str| {
        map.split(&format!("{name}=\"")).nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned)
    };
    let mut bytes =
        fetch(box_, camera, &attribute("URI").context("no map URI")?, attribute("BYTERANGE").as_deref())
            .await?;
    let mut range = None;
    for line in playlist.lines() {
        if let Some(value) = line.strip_prefix("#EXT-X-BYTERANGE:") {
            range = Some(value.to_owned());
        } else if !line.starts_with('#') && !line.is_empty() {
            bytes.extend(fetch(box_, camera, line, range.as_deref()).await?);
            break;
        }
    }
    Ok(bytes)
}

async fn fetch(box_: &Box, camera: &str, uri: &str, range: Option<&str>) -> Result<Vec<u8>> {
    let path = match uri.strip_prefix("/api/v1") {
        Some(path) => path.to_owned(),
        None => format!("/cameras/{camera}/{uri}"),
    };
    let mut request = box_.request(reqwest::Method::GET, &path);
    let mut expected = 200;
    if let Some((length, offset)) = range.and_then(|r| r.split_once('@')) {
        let (length, offset): (u64, u64) = (length.parse()?, offset.parse()?);
        request = request.header("range", format!("bytes={offset}-{}", offset + length - 1));
        expected = 206;
    }
    let answer = request.send().await?;
    anyhow::ensure!(answer.status() == expected, "{path}: {}", answer.status());
    Ok(answer.bytes().await?.to_vec())
}

#[tokio::test]
async fn live_starts_with_a_key_frame_and_is_current() -> Result<()> {
    let sim = Simulator::start(small())?;
    let box_ = claimed_box().await?;
    let id = box_.add_camera(&camera(&sim, 1)).await?;
    box_.online(&id, "main").await;

    let url = box_.url(&format!("/api/v1/cameras/{id}/live.ws?stream=main")).replace("http://", "ws://");
    let mut request = url.into_client_request()?;
    request.headers_mut().insert("authorization", format!("Bearer {}", box_.token()).parse()?);
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await?;
    let mut bytes = Vec::new();
    let mut hello = None;
    let mut fragments = 0;
    while fragments < 25 {
        let message = tokio::time::timeout(S(10), socket.next()).await?.context("the socket ended")??;
        match message {
            Message::Text(text) => {
                let said: Value = serde_json::from_str(&text)?;
                if said["type"] == "hello" {
                    assert!(bytes.is_empty(), "a second hello: {said}");
                    hello = Some(said);
                }
            }
            Message::Binary(part) => {
                let hello = hello.as_ref().context("binary before hello")?;
                assert!(
                    hello["mime"].as_str().is_some_and(|m| m.starts_with("video/mp4; codecs=\"avc1.")),
                    "{hello}"
                );
                fragments += 1;
                bytes.extend_from_slice(&part);
            }
            _ => {}
        }
    }
    let now = SystemClock.now();
    let file = box_.data().join("live.mp4");
    std::fs::write(&file, &bytes)?;
    let codes = codes(&file, 100)?;
    assert!(codes.len() >= 20, "{} pictures in {fragments} messages", codes.len());
    let newest = instant(*codes.last().context("no time code")?, now);
    assert!(now.saturating_since(newest) < S(2), "the newest picture is of {newest}, and it is {now}");
    Ok(())
}

#[tokio::test]
async fn a_killed_box_loses_two_seconds_at_most_and_says_so() -> Result<()> {
    let sim = Simulator::start(SimConfig { cameras: 2, ..small() })?;
    let mut box_ = claimed_box().await?;
    let ids = [box_.add_camera(&camera(&sim, 1)).await?, box_.add_camera(&camera(&sim, 2)).await?];
    for id in &ids {
        box_.recorded(id, "main", S(5)).await;
    }
    let killed = SystemClock.now();
    box_.kill();
    for file in box_.files("main") {
        assert!(std::fs::metadata(&file)?.len() > 0, "{}", file.display());
    }
    box_.start().await?;
    box_.sign_in().await?;
    for id in &ids {
        let (_, end) = box_.timeline(id).await?.spans("main").max().context("nothing was kept")?;
        let lost = killed.saturating_since(end);
        assert!(lost <= S(2), "{lost:?} were lost");
        eventually("recording has resumed, and the gap is in the ledger", S(20), async || {
            let timeline = box_.timeline(id).await.map_err(|e| e.to_string())?;
            let resumed = timeline.spans("main").any(|(start, end)| start > killed && end > start);
            let gap = timeline.gaps("main").any(|(start, end, why)| {
                why == "restart" && start <= killed && end >= killed && killed.saturating_since(start) <= S(2)
            });
            if resumed && gap { Ok(()) } else { Err(format!("{timeline:?}")) }
        })
        .await;
    }
    box_.stop().await?;
    for file in box_.files("main") {
        picture::probe(&file)?;
    }
    let checked = box_.command(&["fsck"])?;
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    Ok(())
}

#[tokio::test]
async fn the_catalogue_is_rebuilt_from_the_files_alone() -> Result<()> {
    let sim = Simulator::start(small())?;
    let mut box_ = claimed_box().await?;
    let id = box_.add_camera(&camera(&sim, 1)).await?;
    box_.recorded(&id, "main", S(4)).await;
    box_.stop().await?;
    let before = box_.files("main");
    for name in ["heron.db", "heron.db-wal", "heron.db-shm", "heron.db.backup", "heron.db.backup.old"] {
        let _ = std::fs::remove_file(box_.data().join(name));
    }
    let found = box_.command(&["fsck"])?;
    assert_eq!(found.status.code(), Some(1), "files without a catalogue must be found");
    let repaired = box_.command(&["fsck", "--repair"])?;
    assert!(repaired.status.success(), "{}", String::from_utf8_lossy(&repaired.stderr));
    assert_eq!(box_.files("main"), before, "a repair must leave the files alone");

    // The box itself is new now: it must be claimed again, and knows its footage by the camera's id.
    box_.start().await?;
    box_.claim().await?;
    let storage = box_.get("/storage").await?;
    assert!(
        storage["streams"].as_array().is_some_and(|s| s.iter().any(|s| s["camera"] == json!(id))),
        "{storage}"
    );
    Ok(())
}

#[tokio::test]
async fn a_camera_that_stalls_and_comes_back_leaves_an_honest_gap() -> Result<()> {
    let sim = Simulator::start(small())?;
    let box_ = claimed_box().await?;
    let id = box_.add_camera(&camera(&sim, 1)).await?;
    box_.recorded(&id, "main", S(3)).await;
    sim.faults(1)
        .change(|f| f.stall = Some(heron_sim::faults::Stall { seconds: None, answers: false }))
        .map_err(anyhow::Error::msg)?;
    let stalled = SystemClock.now();
    eventually("the silence is noticed", S(15), async || {
        let shown = box_.get(&format!("/cameras/{id}")).await.map_err(|e| e.to_string())?;
        if shown["status"]["state"] == "online" { Err(shown["status"].to_string()) } else { Ok(()) }
    })
    .await;
    sim.faults(1).clear();
    let back = SystemClock.now();
    eventually("it records again, with the reason of the gap", S(60), async || {
        let timeline = box_.timeline(&id).await.map_err(|e| e.to_string())?;
        let resumed = timeline.spans("main").any(|(start, end)| start >= stalled && end > back);
        let gap = timeline
            .gaps("main")
            .any(|(start, end, why)| why == "camera_unreachable" && start <= stalled + S(2) && end >= back);
        if resumed && gap { Ok(()) } else { Err(format!("{timeline:?}")) }
    })
    .await;
    Ok(())
}

#[tokio::test]
async fn a_wrong_password_is_said_in_words_and_not_hammered() -> Result<()> {
    let sim = Simulator::start(SimConfig { auth: Auth::DigestSha256, password: "right".into(), ..small() })?;
    let box_ = claimed_box().await?;
    let mut body = camera(&sim, 1);
    body["username"] = json!("heron");
    body["password"] = json!("wrong");
    let id = box_.add_camera(&body).await?;
    let status = eventually("the reason is said", S(15), async || {
        let shown = box_.get(&format!("/cameras/{id}")).await.map_err(|e| e.to_string())?;
        let status = shown["status"].clone();
        if status["reason"] == "wrong_password" { Ok(status) } else { Err(status.to_string()) }
    })
    .await;
    assert!(status["detail"].as_str().is_some_and(|d| !d.is_empty() && !d.contains("wrong\"")), "{status}");
    let tries = sim.counters(1, StreamKind::Main).unauthorized;
    assert!(tries <= 4, "the camera saw {tries} requests without the right password");

    // The right one is used at once, without waiting for the back-off.
    let shown = box_.patch(&format!("/cameras/{id}"), &json!({ "password": "right" })).await?;
    assert_eq!(shown["has_password"], true);
    assert!(!shown.to_string().contains("\"right\""), "a password came back: {shown}");
    box_.online(&id, "main").await;
    Ok(())
}

/// Records a film and returns what ffprobe says of the newest closed file.
async fn recorded_film(config: SimConfig, transport: &str, length: Duration) -> Result<(Box, String, Value)> {
    let sim = Simulator::start(config)?;
    let mut box_ = claimed_box().await?;
    let source = match transport {
        "tls" => sim.rtsps_url(1, StreamKind::Main).context("no TLS")?,
        _ => sim.rtsp_url(1, StreamKind::Main),
    };
    let id = box_.add_camera(&json!({ "name": "film", "source": source, "transport": transport })).await?;
    let (start, end) = box_.recorded(&id, "main", length).await;
    let clip = box_.bytes(&format!("/cameras/{id}/video.mp4?start={start}&end={end}")).await?;
    let file = box_.data().join("clip.mp4");
    std::fs::write(&file, clip)?;
    picture::probe(&file).context("video.mp4")?;
    box_.stop().await?;
    let recorded = box_.files("main").pop().context("no file")?;
    let shown = picture::probe(&recorded)?;
    Ok((box_, id, shown))
}

fn codecs(shown: &Value) -> Vec<String> {
    let streams = shown["streams"].as_array().cloned().unwrap_or_default();
    streams.iter().map(|s| s["codec_name"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn h264_and_aac_are_recorded_over_tcp() -> Result<()> {
    let Some(file) = footage::file("car_main_1080p25_h264_aac.mp4") else { return Ok(()) };
    let (_box, _, shown) = recorded_film(filmed(&file), "tcp", S(4)).await?;
    assert_eq!(codecs(&shown), ["h264", "aac"], "{shown}");
    Ok(())
}

#[tokio::test]
async fn h265_is_recorded_over_tls() -> Result<()> {
    let Some(file) = footage::file("car_main_1080p12_h265.mp4") else { return Ok(()) };
    let config = SimConfig { rtsps: Some(([127, 0, 0, 1], 0).into()), ..filmed(&file) };
    let (_box, _, shown) = recorded_film(config, "tls", S(4)).await?;
    assert_eq!(codecs(&shown), ["hevc"], "{shown}");
    Ok(())
}

#[tokio::test]
async fn mjpeg_is_recorded_over_udp() -> Result<()> {
    let Some(file) = footage::file("car_sub_360p12_mjpeg.mkv") else { return Ok(()) };
    let (_box, _, shown) = recorded_film(filmed(&file), "udp", S(3)).await?;
    assert_eq!(codecs(&shown), ["mjpeg"], "{shown}");
    Ok(())
}

#[tokio::test]
async fn g711_is_recorded_untouched_and_served_in_a_form_browsers_play() -> Result<()> {
    let Some(file) = footage::file("car_sub_360p12_h264_g711a.mkv") else { return Ok(()) };
    let (box_, _, shown) = recorded_film(filmed(&file), "udp", S(4)).await?;
    assert_eq!(codecs(&shown), ["h264", "pcm_alaw"], "{shown}");
    let served = picture::probe(&box_.data().join("clip.mp4"))?;
    assert_eq!(codecs(&served), ["h264", "flac"], "{served}");
    Ok(())
}

#[tokio::test]
async fn reordered_udp_packets_cost_no_frame() -> Result<()> {
    // Many packets a picture: a packet that is held back behind four others is late by milliseconds, as on a real
    // network, and not by the time to the picture after the next.
    let Some(file) = footage::file("person_main_1080p20_h264.mp4") else { return Ok(()) };
    let sim = Simulator::start(filmed(&file))?;
    sim.faults(1).change(|f| f.udp_reorder = 0.1).map_err(anyhow::Error::msg)?;
    let mut box_ = claimed_box().await?;
    let body = json!({ "name": "udp", "source": sim.rtsp_url(1, StreamKind::Main), "transport": "udp" });
    let id = box_.add_camera(&body).await?;
    box_.recorded(&id, "main", S(5)).await;
    let stream = box_.online(&id, "main").await;
    assert_eq!(stream["loss"].as_f64(), Some(0.0), "{stream}");
    assert!(sim.counters(1, StreamKind::Main).video.packets_reordered > 0, "nothing was reordered");
    box_.stop().await?;
    let recorded = box_.files("main");
    assert_eq!(recorded.len(), 1, "a discontinuity began a new file: {recorded:?}");
    picture::decodes(&recorded[0])?;
    Ok(())
}

#[tokio::test]
async fn the_page_is_served_over_tls_with_a_certificate_made_at_first_boot() -> Result<()> {
    let mut box_ = Box::new()?;
    let port = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
    box_.configure(&format!("[https]\nlisten = \"127.0.0.1:{port}\"\n"))?;
    box_.start().await?;
    let client = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).build()?;
    let url = format!("https://127.0.0.1:{port}/api/v1/setup");
    let answer: Value = client.get(&url).send().await?.json().await?;
    assert_eq!(answer["claimed"], false);
    let certificate = std::fs::read(box_.data().join("tls").join("cert.pem"))?;
    box_.stop().await?;
    box_.start().await?;
    assert_eq!(std::fs::read(box_.data().join("tls").join("cert.pem"))?, certificate, "made once, kept");
    Ok(())
}
