//! The handle.

use crate::login::Login;
use crate::row::{self, Stored};
use crate::source::parse_source;
use crate::{
    Camera, CameraPatch, CamerasError, Credentials, NewCamera, Result, Sealer, Site, address, check, site,
};
use heron_core::{CameraId, Clock, StreamKind};
use heron_store::Store;
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use tokio::sync::watch;
use url::Url;
use zeroize::Zeroizing;

/// Cameras of one box: four times what its network port carries at 4 Mbit/s each.
const MOST_CAMERAS: usize = 256;

/// The camera register. Cheap to clone.
#[derive(Clone)]
pub struct CameraRegister(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) store: Store,
    sealer: Sealer,
    clock: Arc<dyn Clock>,
    cameras: RwLock<BTreeMap<CameraId, Stored>>,
    pub(crate) sites: RwLock<Vec<Site>>,
    changes: watch::Sender<u64>,
}

impl Inner {
    pub(crate) fn changed(&self) {
        self.changes.send_modify(|n| *n += 1);
    }
}

impl fmt::Debug for CameraRegister {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CameraRegister({} cameras)", self.0.cameras.read().len())
    }
}

/// Some cameras, and where to go on.
#[derive(Clone, Debug)]
pub struct CameraPage {
    /// The cameras, oldest first.
    pub items: Vec<Arc<Camera>>,
    /// Give it back as `cursor` for the next ones; `None` at the end.
    pub next: Option<String>,
}

impl CameraRegister {
    /// Opens the register in `store`, which was opened with [`crate::MIGRATIONS`]. Makes the default site
    /// (`Home`, UTC) when there is none, and seals addresses that were stored with a password in their query.
    ///
    /// # Errors
    /// [`CamerasError::Store`]; [`CamerasError::KeyFile`].
    pub async fn open(store: Store, sealer: Sealer, clock: Arc<dyn Clock>) -> Result<Self> {
        let now = clock.now();
        let with = sealer.clone();
        let (cameras, sites) = store
            .try_write(move |tx| {
                let mut cameras = row::all(tx)?;
                for stored in &mut cameras {
                    seal_addresses(&with, tx, stored)?;
                }
                Ok::<_, CamerasError>((cameras, site::ensure_default(tx, now)?))
            })
            .await?;
        Ok(Self(Arc::new(Inner {
            store,
            sealer,
            clock,
            cameras: RwLock::new(cameras.into_iter().map(|c| (c.camera.id, c)).collect()),
            sites: RwLock::new(sites),
            changes: watch::Sender::new(0),
        })))
    }

    /// Adds a camera.
    ///
    /// # Errors
    /// [`CamerasError::Invalid`] naming the field; [`CamerasError::Conflict`] when the name is taken;
    /// [`CamerasError::Full`].
    pub async fn create(&self, new: NewCamera) -> Result<Arc<Camera>> {
        let id = CameraId::generate();
        let now = self.0.clock.now();
        let name = check::line("name", &new.name, 100)?;
        let tags = check::tags(&new.tags)?;
        let default_site = self.default_site().id;
        let main = parse_source("source", &new.source)?;
        let sub = new.sub_source.as_deref().map(|s| parse_source("sub_source", s)).transpose()?;
        let login = Login::default()
            .addresses(Some(&main), sub.as_ref())?
            .username(new.username.map(Some))?
            .password(new.password.map(|p| Some(Zeroizing::new(p))))?;
        let inner = Arc::clone(&self.0);
        self.commit(move |tx| {
            let count = row::count(tx)?;
            if count >= MOST_CAMERAS {
                return Err(CamerasError::Full(count));
            }
            let source = address::completed("source", &main.url, None)?;
            let sub_source = sub.map(|s| address::completed("sub_source", &s.url, None)).transpose()?;
            let camera = Camera {
                id,
                name,
                source,
                sub_source,
                username: login.username,
                has_password: login.password.is_some(),
                transport: new.transport,
                enabled: new.enabled,
                site: new.site.unwrap_or(default_site),
                tags,
                record: new.record,
                created: now,
            };
            store(&inner, tx, camera, None, login.password.as_ref().map(Password::Fresh))
        })
        .await
    }

    /// Changes a camera: absent = unchanged, null = cleared.
    ///
    /// # Errors
    /// [`CamerasError::NoCamera`]; [`CamerasError::Invalid`] naming `password` when an address leads to another host
    /// or port and the stored password was neither given again nor cleared; as [`CameraRegister::create`] otherwise.
    pub async fn update(&self, id: CameraId, patch: CameraPatch) -> Result<Arc<Camera>> {
        let name = patch.name.map(|n| check::line("name", &n, 100)).transpose()?;
        let tags = patch.tags.as_deref().map(check::tags).transpose()?;
        let main = patch.source.as_deref().map(|s| parse_source("source", s)).transpose()?;
        let sub = match &patch.sub_source {
            Some(Some(s)) => Some(Some(parse_source("sub_source", s)?)),
            Some(None) => Some(None),
            None => None,
        };
        let inner = Arc::clone(&self.0);
        self.commit(move |tx| {
            let before = row::one(tx, id)?;
            let mut camera = Camera::clone(&before.camera);
            let login = Login { username: camera.username.take(), password: None, cleared: false }
                .addresses(main.as_ref(), sub.as_ref().and_then(Option::as_ref))?
                .username(patch.username)?
                .password(patch.password.map(|p| p.map(Zeroizing::new)))?;
            let kept = before.sealed.as_deref().filter(|_| !login.cleared && login.username.is_some());
            let password = login.password.as_ref().map(Password::Fresh).or(kept.map(Password::Sealed));
            let given = [main.as_ref(), sub.as_ref().and_then(Option::as_ref)];
            if matches!(password, Some(Password::Sealed(_))) {
                let known = [Some(&camera.source), camera.sub_source.as_ref()];
                for new in given.iter().flatten() {
                    if !known.iter().flatten().any(|k| address::endpoint(k) == address::endpoint(&new.url)) {
                        return Err(CamerasError::invalid(
                            "password",
                            "give the password again (or null to forget it), because the address leads to another host",
                        ));
                    }
                }
            }
            camera.username = login.username;
            camera.name = name.unwrap_or(camera.name);
            camera.tags = tags.unwrap_or(camera.tags);
            let stored = |url: Url, kind| {
                if !address::asks_for_stored(&url) {
                    return Ok(url);
                }
                let whole = whole_address(&inner.sealer, &before, kind).ok().flatten();
                address::completed(field_of(kind), &url, whole.as_ref())
            };
            // An address that was not given stays as it is, sealed or not, also when its seal does not open.
            let mut keep = Kept { source: None, sub_source: None };
            match main {
                Some(main) => camera.source = stored(main.url, StreamKind::Main)?,
                None => keep.source = before.source.clone(),
            }
            match sub {
                Some(sub) => {
                    camera.sub_source = sub.map(|s| stored(s.url, StreamKind::Sub)).transpose()?;
                }
                None => keep.sub_source = before.sub_source.clone(),
            }
            camera.transport = patch.transport.unwrap_or(camera.transport);
            camera.enabled = patch.enabled.unwrap_or(camera.enabled);
            camera.site = patch.site.unwrap_or(camera.site);
            if let Some(record) = patch.record {
                camera.record = std::mem::take(&mut camera.record).patched(record);
            }
            store(&inner, tx, camera, Some(keep), password)
        })
        .await
    }

    async fn commit(
        &self,
        work: impl FnOnce(&rusqlite::Transaction<'_>) -> Result<Stored> + Send + 'static,
    ) -> Result<Arc<Camera>> {
        let inner = Arc::clone(&self.0);
        let stored = self
            .0
            .store
            .write_durable_then(work, move |stored: &Stored| {
                inner.cameras.write().insert(stored.camera.id, stored.clone());
                inner.changed();
            })
            .await?;
        Ok(stored.camera)
    }

    /// Removes a camera. Its recordings are not this room's to remove.
    ///
    /// # Errors
    /// [`CamerasError::NoCamera`].
    pub async fn delete(&self, id: CameraId) -> Result<()> {
        let inner = Arc::clone(&self.0);
        self.0
            .store
            .write_durable_then(
                move |tx| match tx.execute("DELETE FROM cameras_cameras WHERE id = ?1", [id.0.as_bytes()])? {
                    0 => Err(CamerasError::NoCamera(id)),
                    _ => Ok(()),
                },
                move |()| {
                    inner.cameras.write().remove(&id);
                    inner.changed();
                },
            )
            .await
    }

    /// One camera. From memory.
    ///
    /// # Errors
    /// [`CamerasError::NoCamera`].
    pub fn get(&self, id: CameraId) -> Result<Arc<Camera>> {
        self.0.cameras.read().get(&id).map(|s| Arc::clone(&s.camera)).ok_or(CamerasError::NoCamera(id))
    }

    /// The camera with exactly this name. From memory.
    pub fn by_name(&self, name: &str) -> Option<Arc<Camera>> {
        self.0.cameras.read().values().find(|s| s.camera.name == name).map(|s| Arc::clone(&s.camera))
    }

    /// All cameras, oldest first: at most 256. From memory.
    pub fn all(&self) -> Vec<Arc<Camera>> {
        self.0.cameras.read().values().map(|s| Arc::clone(&s.camera)).collect()
    }

    /// Cameras, oldest first, `limit` (1 to 256) at a time. From memory.
    ///
    /// # Errors
    /// [`CamerasError::Invalid`] naming `cursor`.
    pub fn list(&self, limit: usize, cursor: Option<&str>) -> Result<CameraPage> {
        let after = cursor
            .map(|c| {
                c.parse::<CameraId>()
                    .map_err(|_| CamerasError::invalid("cursor", "is not one that this list gave out"))
            })
            .transpose()?;
        let limit = limit.clamp(1, MOST_CAMERAS);
        let cameras = self.0.cameras.read();
        let mut rest =
            cameras.values().map(|s| &s.camera).filter(|c| after.is_none_or(|after| c.id > after)).cloned();
        let items: Vec<_> = rest.by_ref().take(limit).collect();
        let next = rest.next().and(items.last()).map(|c| c.id.to_string());
        Ok(CameraPage { items, next })
    }

    /// How to log in to a camera; `None` when it takes anybody.
    ///
    /// # Errors
    /// [`CamerasError::NoCamera`]; [`CamerasError::Sealed`] when the password was sealed with another key.
    pub fn credentials(&self, id: CameraId) -> Result<Option<Credentials>> {
        let stored = self.0.cameras.read().get(&id).cloned().ok_or(CamerasError::NoCamera(id))?;
        let Some(username) = stored.camera.username.clone() else { return Ok(None) };
        let password = match &stored.sealed {
            Some(sealed) => self.0.sealer.open(id, PASSWORD, sealed)?,
            None => Zeroizing::new(String::new()),
        };
        Ok(Some(Credentials { username, password }))
    }

    /// The whole address of one stream, with the passwords in its query: for connecting, never for showing. `None`
    /// when the camera has no such stream.
    ///
    /// # Errors
    /// [`CamerasError::NoCamera`]; [`CamerasError::Sealed`] when the address was sealed with another key.
    pub fn address(&self, id: CameraId, kind: StreamKind) -> Result<Option<Url>> {
        let stored = self.0.cameras.read().get(&id).cloned().ok_or(CamerasError::NoCamera(id))?;
        whole_address(&self.0.sealer, &stored, kind)
    }

    /// Cameras whose password, or an address with a password in it, does not open with this key: tell people to
    /// enter them again.
    pub fn unreadable_passwords(&self) -> Vec<CameraId> {
        let ids: Vec<CameraId> = self.0.cameras.read().keys().copied().collect();
        let closed = |id: CameraId| {
            matches!(self.credentials(id), Err(CamerasError::Sealed(_)))
                || StreamKind::ALL
                    .iter()
                    .any(|k| matches!(self.address(id, *k), Err(CamerasError::Sealed(_))))
        };
        ids.into_iter().filter(|id| closed(*id)).collect()
    }

    /// Counts changes of cameras and sites: when it moves, compare [`CameraRegister::all`] with what runs.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }
}

const PASSWORD: &str = "password";

enum Password<'a> {
    Fresh(&'a Zeroizing<String>),
    Sealed(&'a [u8]),
}

/// Sealed addresses that stay as they are.
struct Kept {
    source: Option<Arc<[u8]>>,
    sub_source: Option<Arc<[u8]>>,
}

/// The checks that need more than one field, then the row. On the writer's thread. The addresses in `camera` are
/// whole, but for those in `keep`.
fn store(
    inner: &Inner,
    tx: &rusqlite::Transaction<'_>,
    mut camera: Camera,
    keep: Option<Kept>,
    password: Option<Password<'_>>,
) -> Result<Stored> {
    check::transport(camera.transport, "source", &camera.source)?;
    if let Some(sub) = &camera.sub_source {
        check::transport(camera.transport, "sub_source", sub)?;
    }
    camera.record.check()?;
    site::must_exist(tx, camera.site)?;
    let sealed = match password {
        Some(Password::Fresh(text)) => Some(inner.sealer.seal(camera.id, PASSWORD, text)?.into()),
        Some(Password::Sealed(sealed)) => Some(sealed.into()),
        None => None,
    };
    camera.has_password = sealed.is_some();
    let Kept { source, sub_source } = keep.unwrap_or(Kept { source: None, sub_source: None });
    let mut stored = Stored { camera: Arc::new(camera), sealed, source, sub_source };
    if !seal_addresses(&inner.sealer, tx, &mut stored)? {
        row::put(tx, &stored)?;
    }
    Ok(stored)
}

/// Seals the addresses of `stored` that hold a secret and masks them; writes the row if there were any.
fn seal_addresses(sealer: &Sealer, tx: &rusqlite::Transaction<'_>, stored: &mut Stored) -> Result<bool> {
    let id = stored.camera.id;
    let seal = |url: &Url, kind, sealed: &mut Option<Arc<[u8]>>| {
        let masked = address::masked(url);
        // What is sealed already is masked in the row.
        if sealed.is_some() || masked == *url {
            return Ok(None);
        }
        *sealed = Some(sealer.seal(id, field_of(kind), url.as_str())?.into());
        Ok::<_, CamerasError>(Some(masked))
    };
    let main = seal(&stored.camera.source, StreamKind::Main, &mut stored.source)?;
    let sub = match &stored.camera.sub_source {
        Some(sub) => seal(sub, StreamKind::Sub, &mut stored.sub_source)?,
        None => None,
    };
    if main.is_none() && sub.is_none() {
        return Ok(false);
    }
    let mut camera = Camera::clone(&stored.camera);
    camera.source = main.unwrap_or(camera.source);
    camera.sub_source = sub.or(camera.sub_source);
    stored.camera = Arc::new(camera);
    row::put(tx, stored)?;
    Ok(true)
}

/// The field that an address is in, to which its seal is bound.
fn field_of(kind: StreamKind) -> &'static str {
    match kind {
        StreamKind::Main => "source",
        StreamKind::Sub => "sub_source",
    }
}

fn whole_address(sealer: &Sealer, stored: &Stored, kind: StreamKind) -> Result<Option<Url>> {
    let id = stored.camera.id;
    let (shown, sealed) = match kind {
        StreamKind::Main => (Some(&stored.camera.source), &stored.source),
        StreamKind::Sub => (stored.camera.sub_source.as_ref(), &stored.sub_source),
    };
    match (shown, sealed) {
        (Some(_), Some(sealed)) => {
            let text = sealer.open(id, field_of(kind), sealed)?;
            text.parse().map(Some).map_err(|_| CamerasError::Sealed(id))
        }
        (shown, _) => Ok(shown.cloned()),
    }
}
