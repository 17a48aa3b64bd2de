//! Rows of the register's tables, in and out.

use crate::{Camera, CamerasError, RecordMode, RecordPolicy, Result, Site};
use heron_core::{CameraId, WallTime};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row};
use std::str::FromStr;
use std::sync::Arc;
use url::Url;
use uuid::Uuid;

/// A camera with what is sealed of it.
#[derive(Clone)]
pub(crate) struct Stored {
    pub(crate) camera: Arc<Camera>,
    /// Its password.
    pub(crate) sealed: Option<Arc<[u8]>>,
    /// The whole address of the main stream, where the one in `camera` is masked.
    pub(crate) source: Option<Arc<[u8]>>,
    /// Likewise of the sub stream.
    pub(crate) sub_source: Option<Arc<[u8]>>,
}

/// In `record_mode`: the camera does not say, the settings do.
const BY_SETTINGS: &str = "settings";

const COLUMNS: &str = "id, name, source, sub_source, username, password, transport, enabled, site, tags, record_mode, record_sub, created_ns, source_sealed, sub_source_sealed, record_more";

/// Every camera. A row that this release cannot read is left out, and said so: one bad row must not stop the
/// others.
pub(crate) fn all(conn: &Connection) -> rusqlite::Result<Vec<Stored>> {
    let mut statement = conn.prepare_cached(&format!("SELECT {COLUMNS} FROM cameras_cameras ORDER BY id"))?;
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(r) = rows.next()? {
        match read(r) {
            Ok(stored) => all.push(stored),
            Err(e) => tracing::error!(error = %e, "a stored camera cannot be read and is left out"),
        }
    }
    Ok(all)
}

pub(crate) fn count(conn: &Connection) -> rusqlite::Result<usize> {
    let n: i64 = conn.query_row("SELECT count(*) FROM cameras_cameras", [], |r| r.get(0))?;
    Ok(n as usize)
}

pub(crate) fn one(conn: &Connection, id: CameraId) -> Result<Stored> {
    conn.prepare_cached(&format!("SELECT {COLUMNS} FROM cameras_cameras WHERE id = ?1"))?
        .query_row([id.0.as_bytes()], read)
        .optional()?
        .ok_or(CamerasError::NoCamera(id))
}

fn read(r: &Row<'_>) -> rusqlite::Result<Stored> {
    let sealed: Option<Vec<u8>> = r.get(5)?;
    let sub_source: Option<String> = r.get(3)?;
    let (source_sealed, sub_source_sealed): (Option<Vec<u8>>, Option<Vec<u8>>) = (r.get(13)?, r.get(14)?);
    Ok(Stored {
        camera: Arc::new(Camera {
            id: CameraId(id(r, 0)?),
            name: r.get(1)?,
            source: parsed::<Url>(2, &r.get::<_, String>(2)?)?,
            sub_source: sub_source.map(|s| parsed::<Url>(3, &s)).transpose()?,
            username: r.get(4)?,
            has_password: sealed.is_some(),
            transport: parsed(6, &r.get::<_, String>(6)?)?,
            enabled: r.get(7)?,
            site: id(r, 8)?,
            tags: serde_json::from_str(&r.get::<_, String>(9)?).map_err(|e| bad(9, e.to_string()))?,
            record: record(r)?,
            created: WallTime::from_nanos(r.get(12)?),
        }),
        sealed: sealed.map(Into::into),
        source: source_sealed.map(Into::into),
        sub_source: sub_source_sealed.map(Into::into),
    })
}

fn record(r: &Row<'_>) -> rusqlite::Result<RecordPolicy> {
    let mode: String = r.get(10)?;
    let more: Option<String> = r.get(15)?;
    let rest: RecordPolicy = match more {
        Some(json) => serde_json::from_str(&json).map_err(|e| bad(15, e.to_string()))?,
        None => RecordPolicy::default(),
    };
    let mode = if mode == BY_SETTINGS { None } else { Some(parsed::<RecordMode>(10, &mode)?) };
    Ok(RecordPolicy { mode, sub: r.get(11)?, ..rest })
}

/// Inserts a camera or replaces the one with its id.
pub(crate) fn put(conn: &Connection, stored: &Stored) -> Result<()> {
    let c = &stored.camera;
    let clash: Option<Vec<u8>> = conn
        .prepare_cached("SELECT id FROM cameras_cameras WHERE name = ?1 AND id <> ?2")?
        .query_row((&c.name, c.id.0.as_bytes()), |r| r.get(0))
        .optional()?;
    if clash.is_some() {
        return Err(CamerasError::Conflict {
            field: "name",
            detail: format!("another camera is called {:?} already", c.name),
        });
    }
    conn.prepare_cached(&format!(
        "INSERT INTO cameras_cameras({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
         ON CONFLICT(id) DO UPDATE SET name = excluded.name, source = excluded.source, sub_source = excluded.sub_source,
            username = excluded.username, password = excluded.password, transport = excluded.transport,
            enabled = excluded.enabled, site = excluded.site, tags = excluded.tags,
            record_mode = excluded.record_mode, record_sub = excluded.record_sub,
            record_more = excluded.record_more,
            source_sealed = excluded.source_sealed, sub_source_sealed = excluded.sub_source_sealed"
    ))?
    .execute((
        c.id.0.as_bytes(),
        &c.name,
        c.source.as_str(),
        c.sub_source.as_ref().map(Url::as_str),
        &c.username,
        stored.sealed.as_deref(),
        c.transport.as_str(),
        c.enabled,
        c.site.as_bytes(),
        serde_json::json!(c.tags).to_string(),
        c.record.mode.map_or(BY_SETTINGS, RecordMode::as_str),
        c.record.sub,
        c.created.as_nanos(),
        stored.source.as_deref(),
        stored.sub_source.as_deref(),
        serde_json::to_string(&RecordPolicy { mode: None, sub: true, ..c.record.clone() })
            .map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))?,
    ))?;
    Ok(())
}

pub(crate) fn sites(conn: &Connection) -> rusqlite::Result<Vec<Site>> {
    conn.prepare_cached("SELECT id, name, timezone FROM cameras_sites ORDER BY created_ns, id")?
        .query_map([], |r| Ok(Site { id: id(r, 0)?, name: r.get(1)?, timezone: r.get(2)? }))?
        .collect()
}

fn id(r: &Row<'_>, column: usize) -> rusqlite::Result<Uuid> {
    Ok(Uuid::from_bytes(r.get(column)?))
}

fn parsed<T: FromStr<Err: ToString>>(column: usize, text: &str) -> rusqlite::Result<T> {
    text.parse().map_err(|e: T::Err| bad(column, e.to_string()))
}

fn bad(column: usize, detail: String) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, detail.into())
}
