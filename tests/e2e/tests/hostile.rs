//! Bad input at every door: each gets an answer that says what to do, and recording goes on.

use anyhow::{Context, Result};
use heron_core::StreamKind;
use heron_e2e::herond::{Box, OWNER};
use heron_sim::{Audio, Drawn, SimConfig, Simulator};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

fn simulator() -> Result<Simulator> {
    let drawn = Drawn { size: (640, 360), fps: 10.0, bit_rate: 400_000 };
    Ok(Simulator::start(SimConfig {
        drawn_main: drawn,
        drawn_sub: drawn,
        gop_seconds: 1.0,
        audio: Audio::None,
        ..SimConfig::default()
    })?)
}

async fn claimed_box() -> Result<Box> {
    let mut made = Box::new()?;
    made.start().await?;
    made.claim().await?;
    Ok(made)
}

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_configuration_that_cannot_be_used_is_refused_by_key() -> Result<()> {
    let box_ = Box::new()?;
    for (more, named) in [
        ("lisen = 1\n", "lisen"),
        ("[htps]\nlisten = \"0.0.0.0:1\"\n", "htps"),
        ("[log]\nformat = \"xml\"\n", "log.format"),
        ("[https]\nlisten = 5\n", "https.listen"),
    ] {
        box_.configure(more)?;
        let output = box_.command(&["check"])?;
        assert_eq!(output.status.code(), Some(1), "{more}");
        assert!(stderr(&output).contains(named), "{more}: {}", stderr(&output));
    }
    let usage = box_.command(&["frobnicate"])?;
    assert_eq!(usage.status.code(), Some(2));
    Ok(())
}

#[tokio::test]
async fn a_damaged_database_is_set_aside_and_the_footage_found_again() -> Result<()> {
    let sim = simulator()?;
    let mut box_ = claimed_box().await?;
    let id = box_.add_camera(&json!({ "name": "a", "source": sim.rtsp_url(1, StreamKind::Main) })).await?;
    box_.recorded(&id, "main", Duration::from_secs(3)).await;
    box_.stop().await?;
    for entry in std::fs::read_dir(box_.data())?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("heron.db.backup") || name.ends_with("-wal") || name.ends_with("-shm") {
            std::fs::remove_file(entry.path())?;
        }
    }
    std::fs::write(box_.data().join("heron.db"), vec![0x5a_u8; 65_536])?;
    box_.start().await?;
    assert!(box_.log_text().contains("damaged"), "it must be said loudly: {}", box_.log_text());
    box_.claim().await?;
    let storage = box_.get("/storage").await?;
    assert!(
        storage["streams"].as_array().is_some_and(|s| s.iter().any(|s| s["camera"] == json!(id))),
        "{storage}"
    );
    Ok(())
}

#[tokio::test]
async fn foreign_and_truncated_files_among_the_recordings_are_left_alone() -> Result<()> {
    let sim = simulator()?;
    let mut box_ = claimed_box().await?;
    let id = box_.add_camera(&json!({ "name": "a", "source": sim.rtsp_url(1, StreamKind::Main) })).await?;
    box_.recorded(&id, "main", Duration::from_secs(3)).await;
    box_.stop().await?;
    let day = box_.volume().join("recordings").join(&id).join("2026-01-02");
    std::fs::create_dir_all(&day)?;
    let foreign = [
        (day.join("101112.000Z-main.mp4"), b"not an mp4 at all".to_vec()),
        (day.join("101113.000Z-main.mp4"), b"\0\0\0\x20ftypisom\0\0\0\0".to_vec()),
        (day.join("holiday.mp4"), vec![0; 4096]),
    ];
    for (path, bytes) in &foreign {
        std::fs::write(path, bytes)?;
    }
    let _ = box_.command(&["fsck", "--repair"])?;
    box_.start().await?;
    box_.sign_in().await?;
    box_.recorded(&id, "main", Duration::from_secs(2)).await;
    for (path, bytes) in &foreign {
        assert_eq!(&std::fs::read(path)?, bytes, "{} was touched", path.display());
    }
    Ok(())
}

#[tokio::test]
async fn a_missing_volume_is_said_and_the_other_records() -> Result<()> {
    let sim = simulator()?;
    let mut box_ = Box::new()?;
    let text = std::fs::read_to_string(box_.configuration())?;
    // A file stands where the first volume should be: nothing can be made there.
    let nowhere = box_.configuration().with_file_name("nowhere");
    std::fs::write(&nowhere, b"")?;
    let volumes = format!("volumes = [{:?}, {:?}]", nowhere.join("footage"), box_.volume());
    let text: Vec<&str> =
        text.lines().map(|l| if l.starts_with("volumes") { volumes.as_str() } else { l }).collect();
    std::fs::write(box_.configuration(), text.join("\n"))?;
    box_.start().await?;
    box_.claim().await?;
    let id = box_.add_camera(&json!({ "name": "a", "source": sim.rtsp_url(1, StreamKind::Main) })).await?;
    box_.recorded(&id, "main", Duration::from_secs(3)).await;
    let storage = box_.get("/storage").await?;
    let states: Vec<&str> =
        storage["volumes"].as_array().into_iter().flatten().filter_map(|v| v["state"].as_str()).collect();
    assert!(states.contains(&"ok") && states.iter().any(|s| *s == "missing" || *s == "failed"), "{storage}");
    Ok(())
}

/// The problem document of a request that must be refused.
async fn refused(request: reqwest::RequestBuilder, status: StatusCode) -> Result<Value> {
    let answer = request.send().await?;
    let got = answer.status();
    let kind =
        answer.headers().get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let text = answer.text().await?;
    assert_eq!(got, status, "{text}");
    assert!(kind.starts_with("application/problem+json"), "{kind}: {text}");
    let problem: Value = serde_json::from_str(&text)?;
    assert_eq!(problem["status"], json!(status.as_u16()), "{problem}");
    assert!(problem["title"].is_string() && problem["type"].is_string(), "{problem}");
    Ok(problem)
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused_with_the_field_to_blame() -> Result<()> {
    let box_ = claimed_box().await?;
    let bad = StatusCode::BAD_REQUEST;
    let post = |body: Value| box_.request(Method::POST, "/cameras").json(&body);
    for (body, field) in [
        (json!({ "name": "a", "source": 5 }), "source"),
        (json!({ "name": "a", "source": "rtsp://h/x", "sauce": 1 }), "sauce"),
        (json!({ "name": "", "source": "rtsp://h/x" }), "name"),
        (json!({ "name": "a", "source": "gopher://h/x" }), "source"),
        (json!({ "name": "a", "source": "rtsp:///x" }), "source"),
        (json!({ "name": "a" }), "source"),
    ] {
        let problem = refused(post(body.clone()), bad).await?;
        let words = problem.to_string();
        assert!(words.contains(field), "{body}: {problem}");
    }
    refused(box_.request(Method::POST, "/cameras").body("{").header("content-type", "application/json"), bad)
        .await?;
    let large = json!({ "name": "a".repeat(2 << 20), "source": "rtsp://h/x" });
    refused(post(large), StatusCode::PAYLOAD_TOO_LARGE).await?;
    refused(box_.request(Method::GET, "/cameras/not-an-id"), bad).await?;
    refused(box_.request(Method::GET, &format!("/cameras/{}", uuid_of_nobody())), StatusCode::NOT_FOUND)
        .await?;
    refused(box_.request(Method::GET, "/nothing"), StatusCode::NOT_FOUND).await?;
    refused(box_.request(Method::DELETE, "/setup"), StatusCode::METHOD_NOT_ALLOWED).await?;

    let id =
        box_.add_camera(&json!({ "name": "a", "source": "rtsp://127.0.0.1:9/x", "enabled": false })).await?;
    let (early, late) = ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
    for query in [
        format!("start={late}&end={early}"),
        format!("start={early}"),
        "start=yesterday&end=today".to_owned(),
        "start=2020-01-01T00:00:00Z&end=2026-01-01T00:00:00Z".to_owned(),
    ] {
        for route in ["timeline", "playback.m3u8", "video.mp4"] {
            refused(box_.request(Method::GET, &format!("/cameras/{id}/{route}?{query}")), bad)
                .await
                .with_context(|| format!("{route}?{query}"))?;
        }
    }
    Ok(())
}

fn uuid_of_nobody() -> &'static str {
    "00000000-0000-7000-8000-000000000000"
}

#[tokio::test]
async fn names_are_data_whatever_they_look_like() -> Result<()> {
    let box_ = claimed_box().await?;
    for name in
        ["'; DROP TABLE cameras; --", "../../etc/passwd", "<script>alert(1)</script>", "Küche 厨房 🎥"]
    {
        let body = json!({ "name": name, "source": "rtsp://127.0.0.1:9/x", "enabled": false });
        let id = box_.add_camera(&body).await?;
        assert_eq!(box_.get(&format!("/cameras/{id}")).await?["name"], json!(name));
    }
    let list = box_.get("/cameras").await?;
    assert_eq!(list["items"].as_array().map(Vec::len), Some(4));
    Ok(())
}

#[tokio::test]
async fn nobody_gets_in_without_a_token_or_with_a_forged_one() -> Result<()> {
    let box_ = claimed_box().await?;
    let client = reqwest::Client::new();
    for path in ["/cameras", "/storage", "/events", "/users", "/settings/system", "/system"] {
        let url = box_.url(&format!("/api/v1{path}"));
        refused(client.get(&url), StatusCode::UNAUTHORIZED).await?;
        refused(client.get(&url).bearer_auth("0".repeat(43)), StatusCode::UNAUTHORIZED).await?;
        refused(client.get(&url).bearer_auth("' or 1=1 --"), StatusCode::UNAUTHORIZED).await?;
    }
    let body = json!({ "claim_token": "x", "username": "second", "password": "correct horse battery" });
    refused(client.post(box_.url("/api/v1/setup")).json(&body), StatusCode::CONFLICT).await?;
    Ok(())
}

#[tokio::test]
async fn guessing_passwords_is_slowed_and_does_not_lock_the_owner_out() -> Result<()> {
    let box_ = claimed_box().await?;
    let client = reqwest::Client::new();
    let login = |password: &str| {
        client
            .post(box_.url("/api/v1/auth/login"))
            .json(&json!({ "username": OWNER.0, "password": password }))
    };
    let mut slowed = false;
    for i in 0..20 {
        let answer = login(&format!("wrong password {i}")).send().await?;
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            assert!(answer.headers().contains_key("retry-after"));
            slowed = true;
            break;
        }
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    }
    assert!(slowed, "twenty wrong passwords were all tried");
    // Who is signed in stays signed in.
    box_.get("/auth/me").await?;
    Ok(())
}

#[tokio::test]
async fn two_daemons_never_share_a_data_directory_or_a_volume() -> Result<()> {
    let mut first = Box::new()?;
    first.start().await?;
    for arguments in [&["fsck", "--repair"][..], &["provision", "/dev/null"][..]] {
        let output = first.command(arguments)?;
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(stderr(&output).contains("another herond"), "{}", stderr(&output));
    }
    // Another data directory, the same volume: it runs, and says that it cannot record there.
    let mut second = Box::new()?;
    let text = std::fs::read_to_string(second.configuration())?;
    let volume = format!("volumes = [{:?}]", first.volume());
    let lines: Vec<&str> =
        text.lines().map(|l| if l.starts_with("volumes") { volume.as_str() } else { l }).collect();
    std::fs::write(second.configuration(), lines.join("\n"))?;
    second.start().await?;
    second.claim().await?;
    let storage = second.get("/storage").await?;
    assert_ne!(storage["volumes"][0]["state"], "ok", "{storage}");
    Ok(())
}
