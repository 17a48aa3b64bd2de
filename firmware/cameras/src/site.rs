//! Sites: where cameras are. One for now; the tree below it comes with its own issue.

use crate::row;
use crate::{CameraRegister, CamerasError, Result, check};
use heron_core::WallTime;
use rusqlite::{Connection, Transaction};
use serde::Serialize;
use uuid::Uuid;

/// A place with cameras.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Site {
    /// Its identity.
    pub id: Uuid,
    /// What people call it, 1 to 100 characters.
    pub name: String,
    /// IANA time zone name, for schedules and for showing times.
    pub timezone: String,
}

impl CameraRegister {
    /// All sites, oldest first. From memory.
    pub fn sites(&self) -> Vec<Site> {
        self.0.sites.read().clone()
    }

    /// The site that cameras belong to unless they say otherwise: the oldest. From memory.
    pub fn default_site(&self) -> Site {
        // `open` made one, and none is ever removed.
        self.0.sites.read().first().cloned().unwrap_or_else(|| Site {
            id: Uuid::nil(),
            name: DEFAULT_NAME.to_owned(),
            timezone: "UTC".to_owned(),
        })
    }

    /// Changes a site's name or time zone; absent = unchanged. At the claim: `set_site(default_site().id,
    /// …)`.
    ///
    /// # Errors
    /// [`CamerasError::NoSite`]; [`CamerasError::Invalid`] naming `site_name` or `timezone`.
    pub async fn set_site(&self, id: Uuid, name: Option<String>, timezone: Option<String>) -> Result<Site> {
        let name = name.map(|n| check::line("site_name", &n, 100)).transpose()?;
        let timezone = timezone.map(|t| check::timezone(&t)).transpose()?;
        let inner = self.0.clone();
        self.0
            .store
            .write_durable_then(
                move |tx| {
                    let changed = tx.execute(
                        "UPDATE cameras_sites SET name = coalesce(?2, name), timezone = coalesce(?3, timezone) WHERE id = ?1",
                        (id.as_bytes(), name, timezone),
                    )?;
                    if changed == 0 {
                        return Err(CamerasError::NoSite(id));
                    }
                    Ok(row::sites(tx)?)
                },
                move |sites| {
                    inner.sites.write().clone_from(sites);
                    inner.changed();
                },
            )
            .await?
            .into_iter()
            .find(|s| s.id == id)
            .ok_or(CamerasError::NoSite(id))
    }
}

const DEFAULT_NAME: &str = "Home";

/// Makes the default site when there is none.
pub(crate) fn ensure_default(tx: &Transaction<'_>, now: WallTime) -> Result<Vec<Site>> {
    if row::sites(tx)?.is_empty() {
        tx.execute(
            "INSERT INTO cameras_sites(id, name, timezone, created_ns) VALUES (?1, ?2, 'UTC', ?3)",
            (Uuid::now_v7().as_bytes(), DEFAULT_NAME, now.as_nanos()),
        )?;
    }
    Ok(row::sites(tx)?)
}

/// Refuses a site that does not exist.
pub(crate) fn must_exist(conn: &Connection, id: Uuid) -> Result<()> {
    match row::sites(conn)?.iter().any(|s| s.id == id) {
        true => Ok(()),
        false => Err(CamerasError::invalid("site", format!("there is no site {id}"))),
    }
}
