//! Moonfire NVR, when `MOONFIRE_BIN` names it. It can only be configured by its terminal program, so its own
//! `init` makes the database and the cameras are put into the tables directly.

use crate::process::{self, Group};
use anyhow::{Context, Result, bail};
use rusqlite::{Connection, params};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use uuid::Uuid;

pub(super) fn start(dir: &Path, urls: &[String]) -> Result<Group> {
    let program = std::env::var_os("MOONFIRE_BIN").map(PathBuf::from).context("MOONFIRE_BIN is not set")?;
    let db_dir = dir.join("db");
    let samples = dir.join("footage");
    fs::create_dir_all(&db_dir)?;
    fs::create_dir_all(&samples)?;
    let output = Command::new(&program).arg("init").arg("--db-dir").arg(&db_dir).output()?;
    if !output.status.success() {
        bail!("moonfire-nvr init failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    add_cameras(&db_dir.join("db"), &samples, urls)?;
    let port = process::free_port()?;
    let configuration = dir.join("moonfire.toml");
    fs::write(
        &configuration,
        format!(
            "dbDir = {db_dir:?}\nuiDir = {samples:?}\n[[binds]]\nipv4 = \"127.0.0.1:{port}\"\n\
             allowUnauthenticatedPermissions = {{ viewVideo = true }}\n"
        ),
    )?;
    let mut group = Group::new();
    let mut command = Command::new(&program);
    command.arg("run").arg("--config").arg(&configuration);
    group.start(&mut command, &dir.join("moonfire.log"))?;
    process::wait_for_port(port, &mut group)?;
    Ok(group)
}

fn add_cameras(db: &Path, samples: &Path, urls: &[String]) -> Result<()> {
    let db = Connection::open(db)?;
    let db_uuid: Vec<u8> = db.query_row("select uuid from meta", [], |r| r.get(0))?;
    let dir_uuid = Uuid::new_v4();
    fs::write(samples.join("meta"), dir_meta(&db_uuid, dir_uuid.as_bytes()))?;
    let config = serde_json::json!({ "path": samples }).to_string();
    db.execute(
        "insert into sample_file_dir (id, uuid, config) values (1, ?1, ?2)",
        params![dir_uuid.as_bytes().as_slice(), config],
    )?;
    for (i, url) in urls.iter().enumerate() {
        let id = i as i64 + 1;
        db.execute(
            "insert into camera (id, uuid, short_name, config) values (?1, ?2, ?3, '{}')",
            params![id, Uuid::new_v4().as_bytes().as_slice(), format!("cam{id}")],
        )?;
        let config = serde_json::json!({
            "mode": "record", "url": url, "rtspTransport": "tcp", "retainBytes": 1_i64 << 40, "flushIfSec": 120,
        });
        db.execute(
            "insert into stream (id, camera_id, sample_file_dir_id, type, config, cum_recordings,
                                 cum_media_duration_90k, cum_runs)
             values (?1, ?1, 1, 'main', ?2, 0, 0, 0)",
            params![id, config.to_string()],
        )?;
    }
    Ok(())
}

/// The marker of a sample directory: a length-delimited message of the two ids, padded to 512 bytes.
fn dir_meta(db_uuid: &[u8], dir_uuid: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    for (field, uuid) in [(1_u8, db_uuid), (2, dir_uuid)] {
        message.extend_from_slice(&[field << 3 | 2, 16]);
        message.extend_from_slice(uuid);
    }
    let mut file = vec![message.len() as u8];
    file.append(&mut message);
    file.resize(512, 0);
    file
}
