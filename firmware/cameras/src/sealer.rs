//! Passwords at rest: AES-256-GCM (NIST SP 800-38D) under a key that lies in its own file.

use crate::{CamerasError, Result};
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use heron_core::CameraId;
use std::fmt;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

const KEY_BYTES: usize = 32;

/// First byte of what is sealed, so that another scheme can follow.
const SCHEME_1: u8 = 1;

/// Seals and opens with the box's key. Cheap to clone.
///
/// A sealed value is: 1 (the scheme), 12 random bytes of nonce, the ciphertext, 16 bytes of tag. The camera's
/// id and the field's name are authenticated with it. Random nonces are safe for 2^32 values under one key; a
/// box seals a few hundred.
#[derive(Clone)]
pub struct Sealer(Arc<RandomizedNonceKey>);

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer")
    }
}

impl Sealer {
    /// Reads the key file at `path`, or makes one with a new random key (mode 0600, synced). Blocks.
    ///
    /// # Errors
    /// [`CamerasError::KeyFile`] saying what to do: the file has another length, or cannot be read or made.
    pub fn open_or_create(path: &Path) -> Result<Self> {
        let key = match fs::read(path) {
            Ok(bytes) => {
                keep_private(path)?;
                Zeroizing::new(bytes)
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => create(path)?,
            Err(e) => return Err(failed("read", path, &e)),
        };
        if key.len() != KEY_BYTES {
            return Err(CamerasError::KeyFile(format!(
                "the key file {} holds {} bytes and not {KEY_BYTES}: it is damaged; put it back from a copy of the data directory, or remove it and enter the cameras' passwords again",
                path.display(),
                key.len()
            )));
        }
        let key = RandomizedNonceKey::new(&AES_256_GCM, &key)
            .map_err(|_| CamerasError::KeyFile(format!("the key in {} cannot be used", path.display())))?;
        Ok(Self(Arc::new(key)))
    }

    /// Seals `secret` for `field` of `camera`.
    pub(crate) fn seal(&self, camera: CameraId, field: &str, secret: &str) -> Result<Vec<u8>> {
        self.seal_bound(bound_to(camera, field), secret)
    }

    /// Seals a secret of another room; `name` says which, and is authenticated with it.
    ///
    /// # Errors
    /// [`CamerasError::KeyFile`] when the system gives no random bytes.
    pub fn seal_named(&self, name: &str, secret: &str) -> Result<Vec<u8>> {
        self.seal_bound(bound_to_name(name), secret)
    }

    /// Opens what [`Sealer::seal_named`] made for the same name; `None` when it was sealed for something else, with
    /// another key, or altered.
    pub fn open_named(&self, name: &str, sealed: &[u8]) -> Option<Zeroizing<String>> {
        self.open_bound(bound_to_name(name), sealed)
    }

    fn seal_bound(&self, bound_to: Vec<u8>, secret: &str) -> Result<Vec<u8>> {
        let mut text = secret.as_bytes().to_vec();
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(bound_to), &mut text)
            .map_err(|_| CamerasError::KeyFile("the secret could not be sealed".to_owned()))?;
        Ok([&[SCHEME_1][..], nonce.as_ref(), &text].concat())
    }

    /// Opens what [`Sealer::seal`] made for the same field of the same camera with the same key.
    pub(crate) fn open(&self, camera: CameraId, field: &str, sealed: &[u8]) -> Result<Zeroizing<String>> {
        self.open_bound(bound_to(camera, field), sealed).ok_or(CamerasError::Sealed(camera))
    }

    fn open_bound(&self, bound_to: Vec<u8>, sealed: &[u8]) -> Option<Zeroizing<String>> {
        let [SCHEME_1, rest @ ..] = sealed else { return None };
        let (nonce, text) = rest.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = Zeroizing::new(text.to_vec());
        let opened = self.0.open_in_place(nonce, Aad::from(bound_to), &mut text).ok()?;
        std::str::from_utf8(opened).map(|s| Zeroizing::new(s.to_owned())).ok()
    }
}

fn bound_to(camera: CameraId, field: &str) -> Vec<u8> {
    [b"heron camera ", camera.0.as_bytes().as_slice(), b"/", field.as_bytes()].concat()
}

fn bound_to_name(name: &str) -> Vec<u8> {
    [b"heron named ", name.as_bytes()].concat()
}

/// Makes the file whole or not at all, and never over one that is there.
fn create(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let mut key = Zeroizing::new(vec![0; KEY_BYTES]);
    aws_lc_rs::rand::fill(&mut key)
        .map_err(|_| CamerasError::KeyFile("the system gave no random bytes for a key".to_owned()))?;
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = Path::new(&temporary);
    let written = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(temporary)
        .and_then(|mut f| f.write_all(&key).and_then(|()| f.sync_all()))
        .and_then(|()| fs::hard_link(temporary, path))
        .and_then(|()| fs::remove_file(temporary))
        .and_then(|()| fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all());
    match written {
        Ok(()) => Ok(key),
        Err(e) => Err(failed("create", path, &e)),
    }
}

/// Takes the file away from group and others.
fn keep_private(path: &Path) -> Result<()> {
    let mode = fs::metadata(path).map_err(|e| failed("look at", path, &e))?.permissions().mode();
    if mode & 0o077 != 0 {
        tracing::warn!(file = %path.display(), mode = format!("{:o}", mode & 0o777), "others could read the key file; made private");
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))
            .map_err(|e| failed("make private", path, &e))?;
    }
    Ok(())
}

fn failed(action: &str, path: &Path, e: &std::io::Error) -> CamerasError {
    CamerasError::KeyFile(format!(
        "cannot {action} the key file {}: {e}; check that the data directory exists and belongs to herond",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cameras.key");
        (dir, path)
    }

    #[test]
    fn what_is_sealed_opens_only_for_its_own_field_camera_and_key() {
        let (_dir, path) = file();
        let sealer = Sealer::open_or_create(&path).unwrap();
        let (a, b) = (CameraId::generate(), CameraId::generate());
        for secret in ["", "hunter2", "пароль 密码 🔑"] {
            let sealed = sealer.seal(a, "password", secret).unwrap();
            assert_ne!(sealed, sealer.seal(a, "password", secret).unwrap(), "nonces are random");
            assert_eq!(sealer.open(a, "password", &sealed).unwrap().as_str(), secret);
            let again = Sealer::open_or_create(&path).unwrap();
            assert_eq!(again.open(a, "password", &sealed).unwrap().as_str(), secret);
            assert_eq!(sealer.open(b, "password", &sealed), Err(CamerasError::Sealed(b)));
            assert_eq!(sealer.open(a, "other", &sealed), Err(CamerasError::Sealed(a)));
            let (_dir2, path2) = file();
            let other = Sealer::open_or_create(&path2).unwrap();
            assert_eq!(other.open(a, "password", &sealed), Err(CamerasError::Sealed(a)));
            for i in 0..sealed.len() {
                let mut touched = sealed.clone();
                touched[i] ^= 1;
                assert_eq!(sealer.open(a, "password", &touched), Err(CamerasError::Sealed(a)));
                assert!(sealer.open(a, "password", &sealed[..i]).is_err());
            }
        }
    }

    #[test]
    fn the_key_file_is_private_and_checked() {
        let (dir, path) = file();
        Sealer::open_or_create(&path).unwrap();
        let mode = |p: &Path| fs::metadata(p).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing left beside it");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        Sealer::open_or_create(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
        fs::write(&path, b"short").unwrap();
        let e = Sealer::open_or_create(&path).unwrap_err();
        assert!(e.to_string().contains("holds 5 bytes"), "{e}");
        let e = Sealer::open_or_create(&dir.path().join("missing/key")).unwrap_err();
        assert!(e.to_string().contains("cannot create"), "{e}");
        let e = Sealer::open_or_create(dir.path()).unwrap_err();
        assert!(e.to_string().contains("cannot read"), "{e}");
    }
}
