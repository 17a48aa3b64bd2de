//! How far the upload has come that was begun last; survives restarts.

use rusqlite::{Connection, OptionalExtension, Transaction};

/// An upload that is not complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Upload {
    /// Endpoint and bucket.
    pub(crate) place: String,
    /// The object's key.
    pub(crate) key: String,
    /// The server's id of it.
    pub(crate) id: String,
    /// SHA-256 of the local file, hexadecimal.
    pub(crate) sha256: String,
    /// What the server said of each part that it has.
    pub(crate) parts: Vec<String>,
}

/// The one that is not complete, if there is one.
pub(crate) fn get(conn: &Connection) -> heron_store::Result<Option<Upload>> {
    Ok(conn
        .prepare_cached("SELECT place, key, upload, sha256, parts FROM archive_upload")?
        .query_row((), |r| {
            Ok(Upload {
                place: r.get(0)?,
                key: r.get(1)?,
                id: r.get(2)?,
                sha256: r.get(3)?,
                // What cannot be read is sent again.
                parts: serde_json::from_str(&r.get::<_, String>(4)?).unwrap_or_default(),
            })
        })
        .optional()?)
}

/// Notes how far it is.
pub(crate) fn put(conn: &Connection, u: &Upload) -> heron_store::Result<()> {
    let parts = serde_json::to_string(&u.parts).unwrap_or_else(|_| "[]".into());
    conn.prepare_cached(
        "INSERT INTO archive_upload(one, place, key, upload, sha256, parts) VALUES (1, ?1, ?2, ?3, ?4, ?5)
         ON CONFLICT(one) DO UPDATE SET place = excluded.place, key = excluded.key, upload = excluded.upload,
            sha256 = excluded.sha256, parts = excluded.parts",
    )?
    .execute((&u.place, &u.key, &u.id, &u.sha256, parts))?;
    Ok(())
}

/// It is complete, or given up.
pub(crate) fn clear(conn: &Transaction<'_>) -> heron_store::Result<()> {
    conn.prepare_cached("DELETE FROM archive_upload")?.execute(())?;
    Ok(())
}
