//! Rows of exports and of their parts: in and out. Every function works on a connection it is given.

use crate::footage::{Missing, PartSpan};
use crate::job::{Export, ExportState, ExportedFile};
use crate::plan::PlannedPart;
use heron_core::WallTime;
use heron_store::Result;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Params, Row};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How far a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PartState {
    Waiting,
    Open,
    Done,
}

impl PartState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Open => "open",
            Self::Done => "done",
        }
    }
}

/// What is known of a part once it is written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct PartInfo {
    pub spans: Vec<PartSpan>,
    pub gaps: Vec<Missing>,
    pub evidence: serde_json::Value,
}

/// One MP4 of an export and how far it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PartRow {
    pub n: i64,
    pub plan: PlannedPart,
    pub estimate: u64,
    pub state: PartState,
    /// Where it begins in the file: at its local header in a ZIP.
    pub at: u64,
    pub bytes: u64,
    pub etag: String,
    /// Bytes of it that are on the disk, and their CRC-32.
    pub done: u64,
    pub crc: u32,
    pub sha256: Option<String>,
    pub info: PartInfo,
}

const SELECT: &str =
    "SELECT id, state, request, owner, created_ns, finished_ns, expires_ns, volume, bytes_done, bytes_total,
    checked, error, remarks, file_name, file_bytes, file_sha256, created_by FROM exports_job";

fn from_json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text)
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(e)))
}

pub(crate) fn to_json<T: Serialize>(value: &T) -> String {
    // Of our own types, whose keys are strings.
    serde_json::to_string(value).unwrap_or_default()
}

fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(column)?.max(0) as u64)
}

fn id_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Uuid> {
    let bytes: Vec<u8> = row.get(column)?;
    Uuid::from_slice(&bytes)
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(column, Type::Blob, Box::new(e)))
}

fn export(row: &Row<'_>) -> rusqlite::Result<Export> {
    let state: String = row.get(1)?;
    let state = state
        .parse::<ExportState>()
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(1, Type::Text, e.into()))?;
    let volume: Option<String> = row.get(7)?;
    let file_name: Option<String> = row.get(13)?;
    Ok(Export {
        id: id_at(row, 0)?,
        state,
        request: from_json(row, 2)?,
        owner: id_at(row, 3)?,
        created: WallTime(row.get(4)?),
        finished: row.get::<_, Option<i64>>(5)?.map(WallTime),
        expires: row.get::<_, Option<i64>>(6)?.map(WallTime),
        volume: volume.and_then(|v| v.parse().ok()),
        bytes_done: unsigned(row, 8)?,
        bytes_total: unsigned(row, 9)?,
        bytes_checked: unsigned(row, 10)?,
        error: row.get(11)?,
        remarks: from_json(row, 12)?,
        file: file_name
            .map(|name| {
                Ok::<_, rusqlite::Error>(ExportedFile {
                    name,
                    bytes: unsigned(row, 14)?,
                    sha256: row.get(15)?,
                })
            })
            .transpose()?,
        created_by: row.get(16)?,
    })
}

fn query(conn: &Connection, rest: &str, params: impl Params) -> Result<Vec<Export>> {
    let mut statement = conn.prepare_cached(&format!("{SELECT} {rest}"))?;
    let rows = statement.query_map(params, export)?.collect::<rusqlite::Result<_>>()?;
    Ok(rows)
}

/// A new export and its parts with their estimates.
pub(crate) fn insert(conn: &Connection, e: &Export, parts: &[(PlannedPart, u64)]) -> Result<()> {
    conn.execute(
        "INSERT INTO exports_job(id, state, request, owner, created_by, created_ns, bytes_done, bytes_total, checked, remarks)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, 0, '[]')",
        (
            e.id.as_bytes(),
            e.state.as_str(),
            to_json(&e.request),
            e.owner.as_bytes(),
            &e.created_by,
            e.created.0,
            e.bytes_total as i64,
        ),
    )?;
    let mut statement = conn.prepare_cached(
        "INSERT INTO exports_part(job, n, camera, start_ns, end_ns, name, estimate, state, at, bytes, etag, done, crc)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'waiting', 0, 0, '', 0, 0)",
    )?;
    for (n, (part, estimate)) in parts.iter().enumerate() {
        let values = (
            e.id.as_bytes(),
            n as i64,
            part.camera as i64,
            part.start.0,
            part.end.0,
            &part.name,
            *estimate as i64,
        );
        statement.execute(values)?;
    }
    Ok(())
}

pub(crate) fn get(conn: &Connection, id: Uuid) -> Result<Option<Export>> {
    Ok(query(conn, "WHERE id = ?1", [id.as_bytes()])?.pop())
}

/// Newest first, those older than `before`; of `owner` alone when given.
pub(crate) fn list(
    conn: &Connection,
    owner: Option<Uuid>,
    before: Option<Uuid>,
    limit: usize,
) -> Result<Vec<Export>> {
    // Version 7 UUIDs sort by time, and so do their bytes.
    let before = before.unwrap_or(Uuid::max());
    query(
        conn,
        "WHERE id < ?1 AND (?2 IS NULL OR owner = ?2) ORDER BY id DESC LIMIT ?3",
        (before.as_bytes(), owner.map(|o| o.as_bytes().to_vec()), limit as i64),
    )
}

/// Every export, oldest first.
pub(crate) fn all(conn: &Connection) -> Result<Vec<Export>> {
    query(conn, "ORDER BY id", ())
}

/// Writes what changes while an export lives.
pub(crate) fn update(conn: &Connection, e: &Export) -> Result<()> {
    let file = e.file.as_ref();
    conn.execute(
        "UPDATE exports_job SET state = ?2, finished_ns = ?3, expires_ns = ?4, volume = ?5, bytes_done = ?6,
         bytes_total = ?7, checked = ?8, error = ?9, remarks = ?10, file_name = ?11, file_bytes = ?12, file_sha256 = ?13
         WHERE id = ?1",
        (
            e.id.as_bytes(),
            e.state.as_str(),
            e.finished.map(|t| t.0),
            e.expires.map(|t| t.0),
            e.volume.map(|v| v.to_string()),
            e.bytes_done as i64,
            e.bytes_total as i64,
            e.bytes_checked as i64,
            &e.error,
            to_json(&e.remarks),
            file.map(|f| &f.name),
            file.map(|f| f.bytes as i64),
            file.map(|f| &f.sha256),
        ),
    )?;
    Ok(())
}

pub(crate) fn delete(conn: &Connection, id: Uuid) -> Result<()> {
    conn.execute("DELETE FROM exports_part WHERE job = ?1", [id.as_bytes()])?;
    conn.execute("DELETE FROM exports_job WHERE id = ?1", [id.as_bytes()])?;
    Ok(())
}

/// The parts of an export, in order.
pub(crate) fn parts(conn: &Connection, job: Uuid) -> Result<Vec<PartRow>> {
    let mut statement = conn.prepare_cached(
        "SELECT n, camera, start_ns, end_ns, name, estimate, state, at, bytes, etag, done, crc, sha256, info
         FROM exports_part WHERE job = ?1 ORDER BY n",
    )?;
    let rows = statement.query_map([job.as_bytes()], |row| {
        let state: String = row.get(6)?;
        let info: Option<String> = row.get(13)?;
        Ok(PartRow {
            n: row.get(0)?,
            plan: PlannedPart {
                camera: unsigned(row, 1)? as usize,
                start: WallTime(row.get(2)?),
                end: WallTime(row.get(3)?),
                name: row.get(4)?,
            },
            estimate: unsigned(row, 5)?,
            state: match state.as_str() {
                "done" => PartState::Done,
                "open" => PartState::Open,
                _ => PartState::Waiting,
            },
            at: unsigned(row, 7)?,
            bytes: unsigned(row, 8)?,
            etag: row.get(9)?,
            done: unsigned(row, 10)?,
            crc: row.get(11)?,
            sha256: row.get(12)?,
            info: info.map(|_| from_json(row, 13)).transpose()?.unwrap_or_default(),
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Writes what changes of a part. `info` only once it is done: it may be long.
pub(crate) fn update_part(conn: &Connection, job: Uuid, p: &PartRow) -> Result<()> {
    let info = (p.state == PartState::Done).then(|| to_json(&p.info));
    conn.prepare_cached(
        "UPDATE exports_part SET state = ?3, at = ?4, bytes = ?5, etag = ?6, done = ?7, crc = ?8, sha256 = ?9, info = ?10
         WHERE job = ?1 AND n = ?2",
    )?
    .execute((
        job.as_bytes(),
        p.n,
        p.state.as_str(),
        p.at as i64,
        p.bytes as i64,
        &p.etag,
        p.done as i64,
        p.crc,
        &p.sha256,
        info,
    ))?;
    Ok(())
}

/// Forgets what was written: the next run begins anew.
pub(crate) fn reset_parts(conn: &Connection, job: Uuid) -> Result<()> {
    conn.execute(
        "UPDATE exports_part SET state = 'waiting', at = 0, bytes = 0, etag = '', done = 0, crc = 0, sha256 = NULL,
         info = NULL WHERE job = ?1",
        [job.as_bytes()],
    )?;
    Ok(())
}

/// The oldest export that waits for its turn, or was running when the box stopped.
pub(crate) fn next(conn: &Connection) -> Result<Option<Uuid>> {
    let mut statement = conn.prepare_cached(
        "SELECT id FROM exports_job WHERE state IN ('running', 'queued') ORDER BY state DESC, id LIMIT 1",
    )?;
    Ok(statement.query_row((), |r| id_at(r, 0)).optional()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{ExportFormat, ExportRequest, ExportedCamera};
    use heron_core::{CameraId, StreamKind};

    pub(crate) fn made(n: u128) -> Export {
        let cameras = vec![ExportedCamera { id: CameraId(Uuid::from_u128(9)), name: "Gate".into() }];
        Export {
            id: Uuid::from_u128(n),
            state: ExportState::Queued,
            request: ExportRequest {
                cameras,
                stream: StreamKind::Main,
                start: WallTime(0),
                end: WallTime::from_millis(1),
                format: ExportFormat::Zip,
                evidence: false,
                note: Some("why".into()),
                timezone: "UTC".into(),
            },
            bytes_done: 0,
            bytes_total: 7,
            bytes_checked: 0,
            file: None,
            error: None,
            remarks: Vec::new(),
            created: WallTime(5),
            created_by: "owner".into(),
            finished: None,
            expires: None,
            owner: Uuid::from_u128(n % 2),
            volume: None,
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let conn = Connection::open_in_memory().unwrap();
        for step in crate::MIGRATIONS.steps {
            conn.execute_batch(step).unwrap();
        }
        let plan =
            PlannedPart { camera: 0, start: WallTime(0), end: WallTime(1), name: "01-Gate/a.mp4".into() };
        for n in 1..=3 {
            insert(&conn, &made(n), &[(plan.clone(), 7)]).unwrap();
        }
        let mut e = get(&conn, Uuid::from_u128(2)).unwrap().unwrap();
        assert_eq!(e, made(2));
        let ids = |owner, before, limit| {
            list(&conn, owner, before, limit).unwrap().iter().map(|e| e.id.as_u128()).collect::<Vec<_>>()
        };
        assert_eq!(ids(None, None, 2), [3, 2]);
        assert_eq!(ids(None, Some(Uuid::from_u128(2)), 9), [1]);
        assert_eq!(ids(Some(Uuid::from_u128(1)), None, 9), [3, 1]);
        (e.state, e.error) = (ExportState::Running, Some("no".into()));
        (e.finished, e.expires, e.volume) = (Some(WallTime(1)), Some(WallTime(2)), Some(Uuid::from_u128(8)));
        e.file = Some(ExportedFile { name: "a.zip".into(), bytes: 1 << 40, sha256: "00".into() });
        e.remarks = vec!["deleted".into()];
        update(&conn, &e).unwrap();
        assert_eq!(get(&conn, e.id).unwrap().unwrap(), e);
        assert_eq!(next(&conn).unwrap(), Some(e.id), "what was running goes on first");
        let mut part = parts(&conn, e.id).unwrap().remove(0);
        assert_eq!((part.plan.clone(), part.state), (plan, PartState::Waiting));
        (part.state, part.crc, part.sha256) = (PartState::Done, u32::MAX, Some("11".into()));
        part.info.spans = vec![PartSpan { at_ms: 0, wall: WallTime::from_millis(3), ms: 4 }];
        update_part(&conn, e.id, &part).unwrap();
        assert_eq!(parts(&conn, e.id).unwrap(), [part]);
        reset_parts(&conn, e.id).unwrap();
        assert_eq!(parts(&conn, e.id).unwrap()[0].state, PartState::Waiting);
        delete(&conn, e.id).unwrap();
        assert_eq!((get(&conn, e.id).unwrap(), parts(&conn, e.id).unwrap()), (None, Vec::new()));
    }
}
