//! The key that seals recordings: made at the first start, kept in `data_dir/keys`, never leaves the box.

use crate::config::Config;
use crate::tls::write_private;
use anyhow::{Context, Result};
use heron_evidence::{BoxKey, Signer};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Where the key lies.
fn path(config: &Config) -> PathBuf {
    config.data_dir.join("keys").join("evidence.pem")
}

/// The box's key; makes one when there is none. Blocks.
///
/// # Errors
/// In words that say what to do: the file cannot be read or made, or holds no key. Nothing is ever put in its place: what
/// was sealed with it could not be continued.
pub(crate) fn open_or_create(config: &Config) -> Result<Arc<dyn Signer>> {
    let path = path(config);
    match open(&path)? {
        Some(key) => Ok(Arc::new(key)),
        None => {
            let key = BoxKey::generate().context("no key for sealing recordings could be made")?;
            write_private(&path, key.to_pem().as_bytes())?;
            if let Some(folder) = path.parent() {
                let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o700));
                // The key must be there after a power cut as long as anything that it sealed is.
                fs::File::open(folder)
                    .and_then(|f| f.sync_all())
                    .context("cannot sync the folder of keys")?;
            }
            tracing::info!(fingerprint = %key.public_key().fingerprint(), "a key for sealing recordings was made");
            Ok(Arc::new(key))
        }
    }
}

/// The box's key if it has one.
///
/// # Errors
/// As [`open_or_create`].
pub(crate) fn existing(config: &Config) -> Result<Option<Arc<dyn Signer>>> {
    Ok(open(&path(config))?.map(|key| Arc::new(key) as Arc<dyn Signer>))
}

fn open(path: &Path) -> Result<Option<BoxKey>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e).with_context(|| format!("cannot read {}", path.display())),
    };
    let mode = fs::metadata(path).map_or(0o600, |m| m.permissions().mode());
    if mode & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))
            .with_context(|| format!("cannot make {} private", path.display()))?;
    }
    let key = BoxKey::from_pem(&text).with_context(|| {
        format!(
            "{} holds no key: put it back from a copy of the data directory, or remove it and recordings will be sealed with a new one",
            path.display()
        )
    })?;
    Ok(Some(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_and_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let key = dir.path().join("keys/evidence.pem");
        assert!(open(&key).unwrap().is_none());
        let text = format!("data_dir = {:?}\nvolumes = [\"/v\"]\n", dir.path());
        let file = dir.path().join("heron.toml");
        fs::write(&file, text).unwrap();
        let config = Config::load(&file, std::iter::empty()).unwrap();
        let first = open_or_create(&config).unwrap();
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        let again = existing(&config).unwrap().unwrap();
        assert_eq!(first.public_key(), again.public_key());
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&key, "garbage").unwrap();
        let error = format!("{:#}", open_or_create(&config).unwrap_err());
        assert!(error.contains("holds no key: put it back"), "{error}");
        assert_eq!(fs::read_to_string(&key).unwrap(), "garbage", "never replaced");
    }
}
