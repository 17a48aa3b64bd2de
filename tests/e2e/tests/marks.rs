//! An event marks its footage in the running box: it is kept when footage around it goes.

use anyhow::Result;
use heron_core::StreamKind;
use heron_e2e::eventually;
use heron_e2e::herond::Box;
use heron_sim::{Drawn, SimConfig, Simulator};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn what_a_person_asks_to_record_is_marked_in_the_catalogue() -> Result<()> {
    let drawn = Drawn { size: (640, 360), fps: 10.0, bit_rate: 400_000 };
    let sim = Simulator::start(SimConfig { drawn_main: drawn, drawn_sub: drawn, ..SimConfig::default() })?;
    let mut box_ = Box::new()?;
    box_.start().await?;
    box_.claim().await?;
    let id = box_.add_camera(&json!({ "name": "Gate", "source": sim.rtsp_url(1, StreamKind::Main) })).await?;
    box_.recorded(&id, "main", Duration::from_secs(2)).await;
    box_.post(&format!("/cameras/{id}/trigger"), &json!({ "kind": "manual", "text": "look here" })).await?;
    let database = box_.data().join("heron.db");
    eventually("the mark", Duration::from_secs(30), async || {
        let db = rusqlite::Connection::open_with_flags(&database, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)
            .map_err(|e| e.to_string())?;
        let kinds: Vec<String> = db
            .prepare("SELECT kind FROM record_mark")
            .and_then(|mut s| s.query_map((), |r| r.get(0))?.collect())
            .map_err(|e| e.to_string())?;
        if kinds == ["recording.trigger"] { Ok(()) } else { Err(format!("{kinds:?}")) }
    })
    .await;
    box_.stop().await
}
