//! The handle.

use crate::row::{self, Stored};
use crate::source::{ParsedSource, parse_source};
use crate::{Camera, CameraPatch, CamerasError, Credentials, NewCamera, Result, Sealer, Site, check, site};
use heron_core::{CameraId, Clock};
use heron_store::Store;
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use tokio::sync::watch;
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
    /// (`Home`, UTC) when there is none.
    ///
    /// # Errors
    /// [`CamerasError::Store`].
    pub async fn open(store: Store, sealer: Sealer, clock: Arc<dyn Clock>) -> Result<Self> {
        let now = clock.now();
        let (cameras, sites) = store
            .try_write(move |tx| Ok::<_, CamerasError>((row::all(tx)?, site::ensure_default(tx, now)?)))
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
            let camera = Camera {
                id,
                name,
                source: main.url,
                sub_source: sub.map(|s| s.url),
                username: login.username,
                has_password: login.password.is_some(),
                transport: new.transport,
                enabled: new.enabled,
                site: new.site.unwrap_or(default_site),
                tags,
                record: new.record,
                created: now,
            };
            store(&inner, tx, camera, login.password.as_ref().map(Password::Fresh))
        })
        .await
    }

    /// Changes a camera: absent = unchanged, null = cleared.
    ///
    /// # Errors
    /// [`CamerasError::NoCamera`]; as [`CameraRegister::create`] otherwise.
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
            camera.username = login.username;
            camera.name = name.unwrap_or(camera.name);
            camera.tags = tags.unwrap_or(camera.tags);
            camera.source = main.map_or(camera.source, |m| m.url);
            camera.sub_source = sub.map_or(camera.sub_source, |s| s.map(|s| s.url));
            camera.transport = patch.transport.unwrap_or(camera.transport);
            camera.enabled = patch.enabled.unwrap_or(camera.enabled);
            camera.site = patch.site.unwrap_or(camera.site);
            if let Some(record) = patch.record {
                camera.record.mode = record.mode.unwrap_or(camera.record.mode);
                camera.record.sub = record.sub.unwrap_or(camera.record.sub);
            }
            store(&inner, tx, camera, password)
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

    /// Cameras whose password does not open with this key: tell people to enter them again.
    pub fn unreadable_passwords(&self) -> Vec<CameraId> {
        let ids: Vec<CameraId> = self.0.cameras.read().keys().copied().collect();
        ids.into_iter().filter(|id| matches!(self.credentials(*id), Err(CamerasError::Sealed(_)))).collect()
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

/// The checks that need more than one field, then the row. On the writer's thread.
fn store(
    inner: &Inner,
    tx: &rusqlite::Transaction<'_>,
    mut camera: Camera,
    password: Option<Password<'_>>,
) -> Result<Stored> {
    check::transport(camera.transport, "source", &camera.source)?;
    if let Some(sub) = &camera.sub_source {
        check::transport(camera.transport, "sub_source", sub)?;
    }
    site::must_exist(tx, camera.site)?;
    let sealed = match password {
        Some(Password::Fresh(text)) => Some(inner.sealer.seal(camera.id, PASSWORD, text)?.into()),
        Some(Password::Sealed(sealed)) => Some(sealed.into()),
        None => None,
    };
    camera.has_password = sealed.is_some();
    let stored = Stored { camera: Arc::new(camera), sealed };
    row::put(tx, &stored)?;
    Ok(stored)
}

/// Where user name and password come from: what was stored, then the addresses, then the fields of their own.
#[derive(Default)]
struct Login {
    username: Option<String>,
    /// A new password.
    password: Option<Zeroizing<String>>,
    /// The stored password is to go.
    cleared: bool,
}

impl Login {
    fn addresses(mut self, main: Option<&ParsedSource>, sub: Option<&ParsedSource>) -> Result<Self> {
        let of = |s: Option<&ParsedSource>| s.and_then(|s| Some((s.username.clone()?, s.password.clone())));
        let found = match (of(main), of(sub)) {
            (Some(m), Some(s)) if m != s => {
                return Err(CamerasError::invalid(
                    "sub_source",
                    "has another user or password than source; a camera has one login for both streams",
                ));
            }
            (m, s) => m.or(s),
        };
        if let Some((username, password)) = found {
            self.cleared = true;
            self.username = Some(username);
            self.password = password;
        }
        Ok(self)
    }

    fn username(mut self, field: Option<Option<String>>) -> Result<Self> {
        match field {
            None => {}
            Some(Some(username)) if !username.is_empty() => {
                check::secret("username", &username, 128)?;
                self.username = Some(username);
            }
            Some(_) => self = Self { cleared: true, ..Self::default() },
        }
        Ok(self)
    }

    fn password(mut self, field: Option<Option<Zeroizing<String>>>) -> Result<Self> {
        match field {
            None => {}
            Some(Some(password)) => {
                check::secret("password", &password, 256)?;
                if self.username.is_none() {
                    return Err(CamerasError::invalid("username", "a password needs a user name"));
                }
                self.password = Some(password);
            }
            Some(None) => {
                self.cleared = true;
                self.password = None;
            }
        }
        Ok(self)
    }
}
