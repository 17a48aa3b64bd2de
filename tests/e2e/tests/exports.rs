//! Exports with the real daemon: killed in the middle, they go on; what comes out is what others say it is.

use anyhow::{Context, Result, ensure};
use heron_core::{StreamKind, WallTime};
use heron_e2e::herond::Box;
use heron_e2e::{eventually, picture};
use heron_sim::{Audio, Drawn, SimConfig, Simulator};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const S: fn(u64) -> Duration = Duration::from_secs;

async fn filmed() -> Result<(Simulator, Box, [String; 2], WallTime, WallTime)> {
    let drawn = Drawn { size: (640, 360), fps: 10.0, bit_rate: 1_500_000 };
    let sim = Simulator::start(SimConfig {
        cameras: 2,
        drawn_main: drawn,
        drawn_sub: drawn,
        gop_seconds: 1.0,
        audio: Audio::G711u,
        ..SimConfig::default()
    })?;
    let mut box_ = Box::new()?;
    box_.start().await?;
    box_.claim().await?;
    let mut ids = Vec::new();
    for n in [1, 2] {
        let body = json!({ "name": format!("Câmera {n}"), "source": sim.rtsp_url(n, StreamKind::Main) });
        ids.push(box_.add_camera(&body).await?);
    }
    let (mut start, mut end) = (WallTime(i64::MIN), WallTime(i64::MAX));
    for id in &ids {
        let (from, to) = box_.recorded(id, "main", S(10)).await;
        (start, end) = (start.max(from), end.min(to));
    }
    let ids = ids.try_into().map_err(|_| anyhow::anyhow!("two cameras"))?;
    Ok((sim, box_, ids, start, end))
}

async fn set_rate(box_: &Box, mib: u32) -> Result<()> {
    let body = json!({ "values": { "exports.rate_mib_s": mib } });
    let answer = box_.request(Method::PUT, "/settings/system").json(&body).send().await?;
    ensure!(answer.status().is_success(), "{}", answer.text().await?);
    Ok(())
}

async fn until_done(box_: &Box, id: &str) -> Value {
    eventually("the export is done", S(90), async || {
        let export = box_.get(&format!("/exports/{id}")).await.map_err(|e| e.to_string())?;
        assert_ne!(export["state"], "failed", "{export}");
        if export["state"] == "done" { Ok(export) } else { Err(export.to_string()) }
    })
    .await
}

fn run(dir: &Path, command: &str) -> Result<String> {
    let done = Command::new("sh").args(["-c", command]).current_dir(dir).output()?;
    let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    ensure!(done.status.success(), "{command}: {said}");
    Ok(said)
}

#[tokio::test]
async fn killed_in_the_middle_it_finishes_and_everything_in_it_is_right() -> Result<()> {
    let (_sim, mut box_, ids, start, end) = filmed().await?;
    set_rate(&box_, 1).await?;
    let body =
        json!({ "cameras": ids, "start": start, "end": end, "format": "zip", "note": "for the police" });
    let export = box_.post("/exports", &body).await?;
    let id = export["id"].as_str().context("no id")?.to_owned();
    eventually("it is being written", S(30), async || {
        let now = box_.get(&format!("/exports/{id}")).await.map_err(|e| e.to_string())?;
        if now["state"] == "running" { Ok(()) } else { Err(now.to_string()) }
    })
    .await;
    box_.kill();
    box_.start().await?;
    box_.sign_in().await?;
    set_rate(&box_, 1000).await?;
    let done = until_done(&box_, &id).await;
    assert_eq!(done["progress"], 1.0, "{done}");

    // In two parts, as a download that broke off is resumed.
    let place = format!("/exports/{id}/file");
    let head = box_.request(Method::GET, &place).header("range", "bytes=0-99999").send().await?;
    assert_eq!(head.status(), StatusCode::PARTIAL_CONTENT);
    let disposition = head.headers()["content-disposition"].to_str()?.to_owned();
    assert!(disposition.starts_with("attachment; filename=\"heron-2-cameras-"), "{disposition}");
    let etag = head.headers()["etag"].to_str()?.to_owned();
    let mut bytes = head.bytes().await?.to_vec();
    let rest = box_
        .request(Method::GET, &place)
        .header("range", "bytes=100000-")
        .header("if-range", etag)
        .send()
        .await?;
    assert_eq!(rest.status(), StatusCode::PARTIAL_CONTENT);
    bytes.extend_from_slice(&rest.bytes().await?);
    assert_eq!(done["file"]["bytes"].as_u64(), Some(bytes.len() as u64));

    let dir = tempfile::tempdir()?;
    std::fs::write(dir.path().join("export.zip"), &bytes)?;
    let sum = run(dir.path(), "sha256sum export.zip")?;
    assert!(sum.starts_with(done["file"]["sha256"].as_str().context("no sum")?), "{sum}");
    run(dir.path(), "unzip -q export.zip")?;
    run(dir.path(), "sha256sum -c SHA256SUMS")?;
    for name in ["manifest.json", "SHA256SUMS"] {
        let signature = name.replace(".json", "") + ".sig";
        let command = format!(
            "openssl pkeyutl -verify -pubin -inkey public-key.pem -rawin -in {name} -sigfile {signature}"
        );
        run(dir.path(), &command)?;
    }
    let manifest: Value = serde_json::from_slice(&std::fs::read(dir.path().join("manifest.json"))?)?;
    assert_eq!(manifest["created_by"], "owner");
    for camera in manifest["cameras"].as_array().context("no cameras")? {
        assert_eq!(camera["gaps"], json!([]), "{camera}");
        let files = camera["files"].as_array().context("no files")?;
        assert_eq!(files.len(), 1, "{camera}");
        let film = dir.path().join(files[0]["name"].as_str().context("no name")?);
        picture::probe(&film)?;
        picture::decodes(&film)?;
    }

    // Recording lost what being killed costs, and nothing to the export.
    for id in &ids {
        let timeline = box_.timeline(id).await?;
        let wrong: Vec<_> = timeline.gaps("main").filter(|(.., why)| *why != "restart").collect();
        assert!(wrong.is_empty(), "{wrong:?}");
    }
    let events = box_.get("/events?kind=export&limit=50").await?;
    let kinds: Vec<&str> =
        events["items"].as_array().into_iter().flatten().filter_map(|e| e["kind"].as_str()).collect();
    assert_eq!(kinds.iter().filter(|k| **k == "export.downloaded").count(), 1, "{kinds:?}");
    assert!(kinds.contains(&"export.created") && kinds.contains(&"export.done"), "{kinds:?}");
    Ok(())
}

#[tokio::test]
async fn one_camera_is_one_film_and_wrong_requests_are_refused() -> Result<()> {
    let (_sim, box_, ids, start, end) = filmed().await?;
    let ask = |body: Value| box_.request(Method::POST, "/exports").json(&body);
    let later = end + S(7200);
    for (body, status, field) in [
        (json!({ "cameras": [], "start": start, "end": end, "format": "zip" }), 400, "cameras"),
        (json!({ "cameras": ids, "start": start, "end": end, "format": "mp4" }), 400, "format"),
        (json!({ "cameras": ids, "start": start, "end": end, "format": "avi" }), 400, "format"),
        (json!({ "cameras": ids, "start": end, "end": start, "format": "zip" }), 400, "end"),
        (json!({ "cameras": ids, "start": start, "end": later, "format": "zip" }), 400, "end"),
        (
            json!({ "cameras": [uuid_of_nobody()], "start": start, "end": end, "format": "zip" }),
            404,
            "cameras",
        ),
    ] {
        let answer = ask(body.clone()).send().await?;
        assert_eq!(answer.status().as_u16(), status, "{body}");
        let problem: Value = answer.json().await?;
        assert_eq!(problem["field"], field, "{problem}");
    }
    let early = start - S(7200);
    let nothing = ask(json!({ "cameras": ids, "start": early, "end": early + S(60), "format": "zip" }));
    assert_eq!(nothing.send().await?.status(), StatusCode::NOT_FOUND);

    let body = json!({ "cameras": [ids[0]], "start": start, "end": end, "format": "mp4" });
    let id = box_.post("/exports", &body).await?["id"].as_str().context("no id")?.to_owned();
    until_done(&box_, &id).await;
    let film = box_.data().join("film.mp4");
    std::fs::write(&film, box_.bytes(&format!("/exports/{id}/file")).await?)?;
    picture::probe(&film)?;
    picture::decodes(&film)?;
    assert_eq!(box_.get("/exports").await?["items"].as_array().map(Vec::len), Some(1));
    let deleted = box_.request(Method::DELETE, &format!("/exports/{id}")).send().await?;
    assert_eq!(deleted.status(), StatusCode::NO_CONTENT);
    assert_eq!(std::fs::read_dir(box_.volume().join("exports"))?.count(), 0);
    Ok(())
}

fn uuid_of_nobody() -> &'static str {
    "00000000-0000-7000-8000-000000000000"
}
