//! Recording modes, with the real daemon and simulated cameras: nothing for nothing, and nothing lost that was due.

use anyhow::{Context, Result};
use heron_core::{Clock, StreamKind, SystemClock, WallTime};
use heron_e2e::herond::Box;
use heron_e2e::{eventually, picture};
use heron_sim::{Audio, Drawn, SimConfig, Simulator};
use serde_json::{Value, json};
use std::time::Duration;

const S: fn(u64) -> Duration = Duration::from_secs;

/// Small drawn pictures in groups of a second.
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

async fn claimed_box() -> Result<Box> {
    let mut made = Box::new()?;
    made.start().await?;
    made.claim().await?;
    Ok(made)
}

fn camera(sim: &Simulator, record: Value) -> Value {
    json!({ "name": "cam1", "source": sim.rtsp_url(1, StreamKind::Main), "record": record })
}

fn time(value: &Value) -> Result<WallTime> {
    value.as_str().context("no time")?.parse().map_err(anyhow::Error::msg)
}

/// Waits until the camera has sent pictures for `length`.
async fn watched(box_: &Box, id: &str, length: Duration) {
    box_.online(id, "main").await;
    eventually("pictures for long enough", length + S(40), async || {
        let shown = box_.get(&format!("/cameras/{id}")).await.map_err(|e| e.to_string())?;
        let since = time(&shown["status"]["since"]).map_err(|e| e.to_string())?;
        let last = time(&shown["status"]["streams"]["main"]["last_frame"]).map_err(|e| e.to_string())?;
        if last.saturating_since(since) >= length { Ok(()) } else { Err(shown["status"].to_string()) }
    })
    .await;
}

/// Waits until nothing is recorded any more; the spans and gaps there are then.
async fn quiet(box_: &Box, id: &str, limit: Duration) -> (Vec<(WallTime, WallTime)>, Vec<String>) {
    eventually("the clip is complete", limit, async || {
        let shown = box_.get(&format!("/cameras/{id}")).await.map_err(|e| e.to_string())?;
        let stream = &shown["status"]["streams"]["main"];
        let t = box_.timeline(id).await.map_err(|e| e.to_string())?;
        let spans: Vec<_> = t.spans("main").collect();
        let gaps: Vec<String> = t.gaps("main").map(|g| g.2.to_owned()).collect();
        let over = gaps.last().is_some_and(|g| g == "not_scheduled") && stream["recording"] == false;
        if over && !spans.is_empty() && gaps.len() > 1 {
            Ok((spans, gaps))
        } else {
            Err(format!("{t:?} {stream}"))
        }
    })
    .await
}

#[tokio::test]
async fn an_event_makes_a_clip_of_twenty_seconds_that_begins_before_it() -> Result<()> {
    let sim = Simulator::start(small())?;
    let box_ = claimed_box().await?;
    let id = box_.add_camera(&camera(&sim, json!({"mode": "event"}))).await?;
    watched(&box_, &id, S(13)).await;
    assert_eq!(box_.files("main"), Vec::<std::path::PathBuf>::new(), "nothing is written for nothing");
    let shown = box_.get(&format!("/cameras/{id}")).await?;
    let stream = &shown["status"]["streams"]["main"];
    assert_eq!((&stream["recording_mode"], &stream["recording_why"]), (&json!("event"), &Value::Null));

    let at = SystemClock.now();
    let body = json!({"kind": "manual", "text": "Somebody rang."});
    let until = time(&box_.post(&format!("/cameras/{id}/trigger"), &body).await?["until"])?;
    let roll = until.nanos_since(at);
    assert!((10_000_000_000..15_000_000_000).contains(&roll), "until {until}, asked at {at}");
    eventually("why it is recorded", S(20), async || {
        let shown = box_.get(&format!("/cameras/{id}")).await.map_err(|e| e.to_string())?;
        let why = &shown["status"]["streams"]["main"]["recording_why"];
        if why == "event:recording.trigger" { Ok(()) } else { Err(why.to_string()) }
    })
    .await;
    let (spans, gaps) = quiet(&box_, &id, S(60)).await;
    assert_eq!(spans.len(), 1, "{spans:?}");
    assert_eq!(gaps, ["not_scheduled", "not_scheduled"]);
    let (start, end) = spans[0];
    let triggered = until - S(10);
    let pre = triggered.nanos_since(start) as f64 / 1e9;
    assert!((9.8..11.3).contains(&pre), "begins {pre} s before, at most one group early");
    let post = end.nanos_since(triggered) as f64 / 1e9;
    assert!((9.7..10.3).contains(&post), "ends {post} s after");
    let files = box_.files("main");
    assert_eq!(files.len(), 1, "{files:?}");
    picture::probe(&files[0])?;
    picture::decodes(&files[0])?;
    let events = box_.get("/events?kind=recording").await?;
    let kinds: Vec<_> = events["items"].as_array().context("no items")?.iter().map(|e| &e["kind"]).collect();
    assert_eq!(kinds, ["recording.trigger"], "quiet is no alarm");
    assert_eq!(events["items"][0]["text"], "Somebody rang.");

    let day =
        box_.get(&format!("/cameras/{id}/gaps/days?start={}&end={}", at - S(3600), at + S(3600))).await?;
    assert_eq!(day["timezone"], "UTC");
    let missing: f64 =
        day["days"].as_array().context("no days")?.iter().filter_map(|d| d["missing_s"].as_f64()).sum();
    assert_eq!(missing, 0.0, "{day}");
    let list = box_.get(&format!("/cameras/{id}/gaps?start={}&end={}", at - S(3600), at + S(3600))).await?;
    assert_eq!(list["items"][0]["end"], Value::Null, "{list}");
    Ok(())
}

#[tokio::test]
async fn events_that_touch_make_one_clip_and_a_camera_that_is_off_says_so() -> Result<()> {
    let sim = Simulator::start(small())?;
    let box_ = claimed_box().await?;
    let record = json!({"mode": "motion", "pre_roll_s": 3, "post_roll_s": 5});
    let id = box_.add_camera(&camera(&sim, record)).await?;
    watched(&box_, &id, S(6)).await;
    let trigger = format!("/cameras/{id}/trigger");
    let first = time(&box_.post(&trigger, &json!({})).await?["until"])?;
    eventually("most of the clip has passed", S(30), async || {
        let left = first.nanos_since(SystemClock.now());
        if left < 2_000_000_000 { Ok(()) } else { Err(format!("{left} ns left")) }
    })
    .await;
    let second = time(&box_.post(&trigger, &json!({"seconds": 1})).await?["until"])?;
    let (spans, _) = quiet(&box_, &id, S(60)).await;
    assert_eq!(spans.len(), 1, "{spans:?}");
    let length = spans[0].1.nanos_since(spans[0].0);
    let wanted = second.nanos_since(first - S(8));
    assert!((length - wanted).abs() < 1_600_000_000, "{length} instead of {wanted}");

    box_.patch(&format!("/cameras/{id}"), &json!({"record": {"mode": "off"}})).await?;
    let refused = eventually("the trigger is refused", S(20), async || {
        let answer = box_.request(reqwest::Method::POST, &trigger).json(&json!({})).send().await;
        let answer = answer.map_err(|e| e.to_string())?;
        let status = answer.status();
        let problem: Value = answer.json().await.map_err(|e| e.to_string())?;
        if status == 409 { Ok(problem) } else { Err(format!("{status} {problem}")) }
    })
    .await;
    assert!(refused["detail"].as_str().is_some_and(|d| d.contains("record.mode")), "{refused}");
    Ok(())
}

#[tokio::test]
async fn a_schedule_begins_at_its_minute_by_the_clock_of_the_site_and_a_change_of_mode_loses_nothing()
-> Result<()> {
    let sim = Simulator::start(small())?;
    let box_ = claimed_box().await?;
    let sites = box_.get("/sites").await?;
    let site = sites["items"][0]["id"].as_str().context("no site")?;
    box_.patch(&format!("/sites/{site}"), &json!({"timezone": "Asia/Kathmandu"})).await?;
    // The next full minute that is far enough away for the camera to be there.
    let minute = 60_000_000_000;
    let begins = WallTime(((SystemClock.now() + S(15)).0 / minute + 1) * minute);
    let clock = |at: WallTime| {
        let local = (at.0 / minute + 5 * 60 + 45).rem_euclid(24 * 60);
        format!("{:02}:{:02}", local / 60, local % 60)
    };
    let ends = match clock(begins + S(3600)) {
        late if late > clock(begins) => late,
        _ => "24:00".to_owned(),
    };
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let week = json!([{"days": days, "from": clock(begins), "to": ends, "mode": "continuous"}]);
    let record = json!({"mode": "schedule", "schedule": {"week": week, "holidays": [], "otherwise": "off"}});
    let id = box_.add_camera(&camera(&sim, record)).await?;
    box_.online(&id, "main").await;
    assert!(SystemClock.now() >= begins || box_.files("main").is_empty());
    let (start, _) = eventually("the schedule records", S(120), async || {
        let t = box_.timeline(&id).await.map_err(|e| e.to_string())?;
        let span = t.spans("main").next();
        span.filter(|(s, e)| e.saturating_since(*s) > S(3)).ok_or(format!("{t:?}"))
    })
    .await;
    let early = begins.nanos_since(start) as f64 / 1e9;
    assert!((-0.3..1.3).contains(&early), "begins {early} s before its minute: with the group that it needs");
    let shown = box_.get(&format!("/cameras/{id}")).await?;
    assert_eq!(shown["status"]["streams"]["main"]["recording_why"], "schedule");

    let path = format!("/cameras/{id}");
    box_.patch(&path, &json!({"record": {"mode": "event"}})).await?;
    let (before, _) = quiet(&box_, &id, S(30)).await;
    box_.patch(&path, &json!({"record": {"mode": "continuous"}})).await?;
    let switched = SystemClock.now();
    let after = eventually("it is recorded again", S(30), async || {
        let t = box_.timeline(&id).await.map_err(|e| e.to_string())?;
        let spans: Vec<_> = t.spans("main").collect();
        match spans.last() {
            Some((_, end)) if *end > switched + S(3) => Ok(t),
            _ => Err(format!("{t:?}")),
        }
    })
    .await;
    let spans: Vec<_> = after.spans("main").collect();
    assert!(spans.len() <= 2 && spans[0].0 == before[0].0, "{after:?}");
    assert!(after.gaps("main").all(|g| g.2 == "not_scheduled"), "{after:?}");
    let last = spans[spans.len() - 1].0;
    assert!(last <= switched, "recorded from {last}, switched at {switched}");
    Ok(())
}
