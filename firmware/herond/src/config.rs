//! The configuration file: TOML, every key with a default but `data_dir`, unknown keys refused by name, and
//! `HERON_` environment variables that override single keys.

use crate::memory;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Database, keys and outbox live here.
    pub(crate) data_dir: PathBuf,
    /// Recording volumes; none means `<data_dir>/footage`.
    #[serde(default)]
    pub(crate) volumes: Vec<Volume>,
    /// The most that the frames of all streams take in memory before they are written, MiB; without it an eighth of
    /// what the machine has ([`crate::memory`]).
    pub(crate) memory_mib: Option<u32>,
    #[serde(default)]
    pub(crate) http: Http,
    pub(crate) https: Option<Https>,
    #[serde(default)]
    pub(crate) log: Log,
    #[serde(default)]
    pub(crate) claim: Claim,
}

/// One recording volume: a path, or a table when it needs more said.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "VolumeForm")]
pub(crate) struct Volume {
    pub(crate) path: PathBuf,
    /// Kept free on the file system whatever happens; `None` leaves the choice to the recorder.
    pub(crate) reserve_bytes: Option<u64>,
    /// At most this much footage on the volume.
    pub(crate) quota_bytes: Option<u64>,
    /// What it is for.
    pub(crate) role: VolumeRole,
}

/// What a volume is for, as the file says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum VolumeRole {
    /// Streams are recorded to it.
    #[default]
    Spread,
    /// Second copies of mirrored cameras.
    Mirror,
    /// Second copies of the footage of events.
    Events,
}

impl Volume {
    fn at(path: PathBuf) -> Self {
        Self { path, reserve_bytes: None, quota_bytes: None, role: VolumeRole::default() }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum VolumeForm {
    Path(PathBuf),
    Table(VolumeTable),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VolumeTable {
    path: PathBuf,
    reserve_bytes: Option<u64>,
    quota_bytes: Option<u64>,
    #[serde(default)]
    role: VolumeRole,
}

impl From<VolumeForm> for Volume {
    fn from(form: VolumeForm) -> Self {
        match form {
            VolumeForm::Path(path) => Self::at(path),
            VolumeForm::Table(t) => Self {
                path: t.path,
                reserve_bytes: t.reserve_bytes,
                quota_bytes: t.quota_bytes,
                role: t.role,
            },
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Http {
    pub(crate) listen: SocketAddr,
    /// Serve people over plain HTTP on addresses other than loopback.
    pub(crate) insecure: bool,
}

impl Default for Http {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8080)), insecure: false }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Https {
    #[serde(default = "Https::default_listen")]
    pub(crate) listen: SocketAddr,
    /// PEM chain to use in place of the one made at first boot. Needs `key_file`.
    pub(crate) cert_file: Option<PathBuf>,
    pub(crate) key_file: Option<PathBuf>,
}

impl Https {
    fn default_listen() -> SocketAddr {
        SocketAddr::from(([0, 0, 0, 0], 8443))
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    Json,
    #[default]
    Text,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    pub(crate) format: LogFormat,
    /// A `tracing` filter, for example `info` or `info,heron_ingest=debug`.
    pub(crate) level: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::default(), level: "info".to_owned() }
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Claim {
    /// Where the first-boot token is written; `None` means `<data_dir>/claim-token`.
    pub(crate) token_file: Option<PathBuf>,
}

impl Config {
    /// Reads `path` and applies the overrides found in `environment`.
    pub(crate) fn load(path: &Path, environment: impl Iterator<Item = (String, String)>) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the configuration file {}", path.display()))?;
        Self::parse(&text, environment).with_context(|| format!("{} cannot be used", path.display()))
    }

    fn parse(text: &str, environment: impl Iterator<Item = (String, String)>) -> Result<Self> {
        let mut table: toml::Table = toml::from_str(text).context("it is not TOML")?;
        for (name, value) in environment {
            if let Some(key_path) = name.strip_prefix("HERON_") {
                override_key(&mut table, key_path, &value);
            }
        }
        let mut config: Self = serde_path_to_error::deserialize(table).map_err(|error| {
            let key_path = error.path().to_string();
            let inner = error.into_inner().to_string();
            let inner = inner.lines().next().unwrap_or_default();
            if key_path == "." {
                anyhow::anyhow!("{inner}")
            } else {
                anyhow::anyhow!("key `{key_path}`: {inner}")
            }
        })?;
        config.complete()?;
        Ok(config)
    }

    fn complete(&mut self) -> Result<()> {
        if !self.data_dir.is_absolute() {
            bail!("key `data_dir`: {} must be an absolute path", self.data_dir.display());
        }
        if self.volumes.is_empty() {
            self.volumes.push(Volume::at(self.data_dir.join("footage")));
        }
        for (i, volume) in self.volumes.iter().enumerate() {
            if !volume.path.is_absolute() {
                bail!("key `volumes[{i}]`: {} must be an absolute path", volume.path.display());
            }
            if self.volumes[..i].iter().any(|v| v.path == volume.path) {
                bail!("key `volumes[{i}]`: {} is listed twice", volume.path.display());
            }
        }
        if self.volumes.iter().all(|v| v.role != VolumeRole::Spread) {
            bail!("key `volumes`: streams are recorded to volumes with role = \"spread\", and there is none");
        }
        if let Some(mib) = self.memory_mib
            && !(memory::LEAST_MIB..=memory::MOST_MIB).contains(&u64::from(mib))
        {
            bail!("key `memory_mib`: {mib} must be from {} to {}", memory::LEAST_MIB, memory::MOST_MIB);
        }
        if !self.http.listen.ip().is_loopback() && !self.http.insecure && self.https.is_none() {
            bail!(
                "key `http.listen`: {} is not loopback, and plain HTTP beyond this machine needs https.listen to \
                 redirect to, or http.insecure = true",
                self.http.listen
            );
        }
        if let Some(https) = &self.https
            && https.cert_file.is_some() != https.key_file.is_some()
        {
            bail!("keys `https.cert_file` and `https.key_file`: give both or neither");
        }
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn for_tests(data_dir: &Path) -> Self {
        Self::parse(&format!("data_dir = {data_dir:?}"), std::iter::empty()).expect("a configuration")
    }

    /// Where the first-boot token is written.
    pub(crate) fn claim_token_file(&self) -> PathBuf {
        self.claim.token_file.clone().unwrap_or_else(|| self.data_dir.join("claim-token"))
    }
}

/// Sets `HTTP__LISTEN` = value as `http.listen`. A value that reads as TOML (a number, a boolean, an array, a
/// quoted string) is taken so; anything else is a string.
fn override_key(table: &mut toml::Table, key_path: &str, value: &str) {
    let mut parts: Vec<String> = key_path.split("__").map(str::to_lowercase).collect();
    let Some(last) = parts.pop() else { return };
    let mut at = table;
    for part in parts {
        let slot = at.entry(part).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        if !slot.is_table() {
            *slot = toml::Value::Table(toml::Table::new());
        }
        let toml::Value::Table(inner) = slot else { return };
        at = inner;
    }
    let parsed = toml::from_str::<toml::Table>(&format!("value = {value}"))
        .ok()
        .and_then(|mut t| t.remove("value"))
        .unwrap_or_else(|| toml::Value::String(value.to_owned()));
    at.insert(last, parsed);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, env: &[(&str, &str)]) -> Result<Config> {
        Config::parse(text, env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
    }

    fn error(text: &str, env: &[(&str, &str)]) -> String {
        format!("{:#}", parse(text, env).expect_err("must be refused"))
    }

    #[test]
    fn only_data_dir_is_needed() {
        let c = parse("data_dir = \"/data/heron\"", &[]).unwrap();
        assert_eq!(c.http.listen.to_string(), "127.0.0.1:8080");
        assert!(c.https.is_none());
        assert_eq!(c.volumes[0].path, Path::new("/data/heron/footage"));
        assert_eq!(c.claim_token_file(), Path::new("/data/heron/claim-token"));
        assert!(error("", &[]).contains("data_dir"));
    }

    #[test]
    fn unknown_keys_are_named() {
        assert!(error("data_dir = \"/d\"\nvolume = []", &[]).contains("`volume`"));
        let e = error("data_dir = \"/d\"\n[http]\nlisen = \"127.0.0.1:1\"", &[]);
        assert!(e.contains("http") && e.contains("`lisen`"), "{e}");
        assert!(error("data_dir = \"/d\"", &[("HERON_HTTP__PORT", "80")]).contains("`port`"));
    }

    #[test]
    fn wrong_values_name_their_key() {
        let e = error("data_dir = \"/d\"\n[http]\nlisten = \"nowhere\"", &[]);
        assert!(e.contains("http.listen"), "{e}");
        assert!(error("data_dir = \"d\"", &[]).contains("data_dir"));
        assert!(error("data_dir = \"/d\"\nvolumes = [\"/a\", \"/a\"]", &[]).contains("volumes[1]"));
        assert!(error("data_dir = \"/d\"\n[http]\nlisten = \"0.0.0.0:80\"", &[]).contains("http.insecure"));
    }

    #[test]
    fn the_environment_overrides_the_file() {
        let c = parse(
            "data_dir = \"/d\"\n[http]\nlisten = \"127.0.0.1:1\"",
            &[
                ("HERON_HTTP__LISTEN", "127.0.0.1:9090"),
                ("HERON_LOG__FORMAT", "json"),
                ("HERON_VOLUMES", "[\"/a\", { path = \"/b\", quota_bytes = 5 }]"),
                ("OTHER", "x"),
            ],
        )
        .unwrap();
        assert_eq!(c.http.listen.port(), 9090);
        assert_eq!(c.log.format, LogFormat::Json);
        assert_eq!(c.volumes[1].quota_bytes, Some(5));
    }

    #[test]
    fn a_volume_says_what_it_is_for_and_one_of_them_is_recorded_to() {
        let volumes = |roles: &str| format!("data_dir = \"/d\"\nvolumes = [{roles}]");
        let text = volumes(r#""/a", { path = "/b", role = "mirror" }, { path = "/c", role = "events" }"#);
        let roles: Vec<_> = parse(&text, &[]).unwrap().volumes.iter().map(|v| v.role).collect();
        assert_eq!(roles, [VolumeRole::Spread, VolumeRole::Mirror, VolumeRole::Events]);
        let e = error(&volumes(r#"{ path = "/b", role = "mirror" }"#), &[]);
        assert!(e.contains("volumes") && e.contains("spread"), "{e}");
        assert!(error(&volumes(r#"{ path = "/b", role = "spare" }"#), &[]).contains("volumes"));
    }
}
