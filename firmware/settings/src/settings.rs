//! The handle: reading from memory, writing versions.

use crate::{Key, Result, Scope, ScopeKind, SettingsError};
use heron_core::{Clock, WallTime};
use heron_store::Store;
use parking_lot::RwLock;
use rusqlite::{Connection, OptionalExtension, Row, Transaction};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use tokio::sync::watch;

/// Versions kept of each scope.
const KEEP_VERSIONS: i64 = 100;

/// Scopes that may hold settings: 256 cameras, their sites, the rest; with room for what was not forgotten.
const MOST_SCOPES: i64 = 1024;

/// What was set at one scope at one time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Version {
    /// The scope.
    pub scope: Scope,
    /// Counts from 1; 0 when nothing was ever set.
    pub version: u64,
    /// What is set here; what is not falls through to the wider scope.
    pub values: BTreeMap<String, Value>,
    /// Who set it.
    pub author: String,
    /// Why, if they said.
    pub reason: Option<String>,
    /// When; `None` for version 0.
    pub time: Option<WallTime>,
}

impl Version {
    fn none(scope: Scope) -> Self {
        Self { scope, version: 0, values: BTreeMap::new(), author: String::new(), reason: None, time: None }
    }
}

/// A value and where it comes from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Effective {
    /// The value that holds.
    pub value: Value,
    /// `default`, or the scope that says so.
    pub from: String,
}

/// Every registered key with the value that holds for one thing.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct EffectiveSettings(pub BTreeMap<String, Effective>);

impl EffectiveSettings {
    fn value(&self, key: &str) -> &Value {
        debug_assert!(self.0.contains_key(key), "{key} is not registered");
        self.0.get(key).map_or(&Value::Null, |e| &e.value)
    }
    /// A text, choice or time zone; empty for a key that is not registered.
    pub fn text(&self, key: &str) -> &str {
        self.value(key).as_str().unwrap_or_default()
    }
    /// A number; zero for a key that is not registered.
    pub fn integer(&self, key: &str) -> i64 {
        self.value(key).as_i64().unwrap_or_default()
    }
    /// Yes or no; no for a key that is not registered.
    pub fn bool(&self, key: &str) -> bool {
        self.value(key).as_bool().unwrap_or_default()
    }
}

/// The settings. Cheap to clone.
#[derive(Clone)]
pub struct Settings(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Arc<dyn Clock>,
    keys: BTreeMap<&'static str, Key>,
    /// The newest version of each scope.
    current: RwLock<HashMap<Scope, Arc<Version>>>,
    changes: watch::Sender<u64>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Settings({} keys)", self.0.keys.len())
    }
}

impl Settings {
    /// Opens the settings in `store`, which was opened with [`crate::MIGRATIONS`], with all rooms' keys.
    ///
    /// # Errors
    /// [`SettingsError::Invalid`] naming a key that two rooms registered; [`SettingsError::Store`].
    pub async fn open(store: Store, clock: Arc<dyn Clock>, keys: &[&'static [Key]]) -> Result<Self> {
        let mut by_name = BTreeMap::new();
        for key in keys.iter().copied().flatten() {
            if by_name.insert(key.name, *key).is_some() {
                return Err(SettingsError::invalid(key.name, "is registered twice"));
            }
        }
        let stored = store.try_read(newest_of_all).await?;
        let current = stored.into_iter().map(|v| (v.scope, Arc::new(still_valid(&by_name, v)))).collect();
        Ok(Self(Arc::new(Inner {
            store,
            clock,
            keys: by_name,
            current: RwLock::new(current),
            changes: watch::Sender::new(0),
        })))
    }

    /// What is set at `scope` now. From memory.
    pub fn get(&self, scope: Scope) -> Version {
        self.0.current.read().get(&scope).map_or_else(|| Version::none(scope), |v| Version::clone(v))
    }

    /// What holds for the thing with these scopes, in any order. From memory.
    pub fn effective(&self, chain: &[Scope]) -> EffectiveSettings {
        let mut chain = chain.to_vec();
        chain.sort_unstable();
        let current = self.0.current.read();
        let mut all: BTreeMap<String, Effective> = self
            .0
            .keys
            .values()
            .map(|k| (k.name.to_owned(), Effective { value: k.default_value(), from: "default".to_owned() }))
            .collect();
        for version in chain.iter().filter_map(|scope| current.get(scope)) {
            for (key, value) in &version.values {
                if let Some(holds) = all.get_mut(key) {
                    *holds = Effective { value: value.clone(), from: version.scope.to_string() };
                }
            }
        }
        EffectiveSettings(all)
    }

    /// As [`Settings::effective`], if `values` were set at `scope` besides what is set there; a null value means "not set
    /// here". Changes nothing.
    ///
    /// # Errors
    /// [`SettingsError::Invalid`] naming the key, as [`Settings::put`] would.
    pub fn proposed(
        &self,
        chain: &[Scope],
        scope: Scope,
        values: &BTreeMap<String, Value>,
    ) -> Result<EffectiveSettings> {
        self.check(scope, values)?;
        let mut chain = chain.to_vec();
        chain.sort_unstable();
        let mut all = self.effective(&[]);
        for at in chain {
            let mut set = self.get(at).values;
            if at == scope {
                set.extend(values.iter().map(|(key, value)| (key.clone(), value.clone())));
            }
            for (key, value) in set.into_iter().filter(|(_, value)| !value.is_null()) {
                if let Some(holds) = all.0.get_mut(&key) {
                    *holds = Effective { value, from: at.to_string() };
                }
            }
        }
        Ok(all)
    }

    fn check(&self, scope: Scope, values: &BTreeMap<String, Value>) -> Result<()> {
        for (name, value) in values {
            let key = self.0.keys.get(name.as_str()).ok_or_else(|| self.unknown(name))?;
            if !value.is_null() {
                key.check(scope, value)?;
            }
        }
        Ok(())
    }

    /// Replaces everything that is set at `scope`. A null value means "not set here". Nothing is written when
    /// nothing differs.
    ///
    /// # Errors
    /// [`SettingsError::Invalid`] naming the key (unknown, of the wrong type, out of range, not for this
    /// scope) or `reason`; [`SettingsError::Conflict`] when `expected_version` is not the current one.
    pub async fn put(
        &self,
        scope: Scope,
        mut values: BTreeMap<String, Value>,
        expected_version: Option<u64>,
        author: &str,
        reason: Option<String>,
    ) -> Result<Version> {
        self.check(scope, &values)?;
        values.retain(|_, value| !value.is_null());
        self.write(scope, expected_version, author, reason, move |_| Ok(values)).await
    }

    /// Sets what an older version had set, as a new version. Values that are no longer valid are left out.
    ///
    /// # Errors
    /// [`SettingsError::NoVersion`]; as [`Settings::put`] otherwise.
    pub async fn rollback(
        &self,
        scope: Scope,
        version: u64,
        author: &str,
        reason: Option<String>,
    ) -> Result<Version> {
        let reason = reason.or_else(|| Some(format!("back to version {version}")));
        let inner = Arc::clone(&self.0);
        self.write(scope, None, author, reason, move |tx| {
            let old = tx
                .query_row(
                    &format!("SELECT {COLUMNS} FROM settings_versions WHERE scope = ?1 AND version = ?2"),
                    (scope.to_string(), i64::try_from(version).unwrap_or(i64::MAX)),
                    |r| row(scope, r),
                )
                .optional()?
                .ok_or_else(|| SettingsError::NoVersion { scope: scope.to_string(), version })?;
            Ok(still_valid(&inner.keys, old).values)
        })
        .await
    }

    async fn write(
        &self,
        scope: Scope,
        expected: Option<u64>,
        author: &str,
        reason: Option<String>,
        values: impl FnOnce(&Transaction<'_>) -> Result<BTreeMap<String, Value>> + Send + 'static,
    ) -> Result<Version> {
        if let Some(reason) = &reason {
            let length = reason.chars().count();
            if length > 500 || reason.chars().any(|c| c.is_control() && c != '\n') {
                return Err(SettingsError::invalid(
                    "reason",
                    format!("must be at most 500 printable characters, not {length}"),
                ));
            }
        }
        let author: String = author.chars().take(128).collect();
        let (now, inner) = (self.0.clock.now(), Arc::clone(&self.0));
        self.0
            .store
            .write_durable_then(
                move |tx| {
                    let current = newest(tx, scope)?.unwrap_or_else(|| Version::none(scope));
                    if let Some(expected) = expected.filter(|e| *e != current.version) {
                        let found = current.version;
                        return Err(SettingsError::Conflict { scope: scope.to_string(), expected, found });
                    }
                    let values = values(tx)?;
                    if values == current.values {
                        return Ok(current);
                    }
                    if current.version == 0 {
                        let scopes: i64 =
                            tx.query_row("SELECT count(DISTINCT scope) FROM settings_versions", [], |r| {
                                r.get(0)
                            })?;
                        if scopes >= MOST_SCOPES {
                            return Err(SettingsError::invalid(
                                "scope",
                                format!("there are {scopes} scopes already"),
                            ));
                        }
                    }
                    let version = current.version + 1;
                    insert(tx, &Version { scope, version, values, author, reason, time: Some(now) })
                },
                move |version| {
                    inner.current.write().insert(scope, Arc::new(version.clone()));
                    inner.changes.send_modify(|n| *n += 1);
                },
            )
            .await
    }

    /// Versions of `scope`, newest first, at most `limit` (1 to 100), older than `before` when given.
    ///
    /// # Errors
    /// [`SettingsError::Store`].
    pub async fn versions(&self, scope: Scope, limit: usize, before: Option<u64>) -> Result<Vec<Version>> {
        let before = before.and_then(|b| i64::try_from(b).ok()).unwrap_or(i64::MAX);
        let limit = limit.clamp(1, KEEP_VERSIONS as usize) as i64;
        self.0
            .store
            .try_read(move |conn| {
                let sql = format!(
                    "SELECT {COLUMNS} FROM settings_versions WHERE scope = ?1 AND version < ?2
                     ORDER BY version DESC LIMIT ?3"
                );
                let versions = conn
                    .prepare_cached(&sql)?
                    .query_map((scope.to_string(), before, limit), |r| row(scope, r))?
                    .collect::<Result<_, _>>()?;
                Ok(versions)
            })
            .await
    }

    /// Removes everything that was ever set at `scope`: for a camera or site that is deleted.
    ///
    /// # Errors
    /// [`SettingsError::Store`].
    pub async fn forget(&self, scope: Scope) -> Result<()> {
        let inner = Arc::clone(&self.0);
        self.0
            .store
            .write_durable_then(
                move |tx| {
                    tx.execute("DELETE FROM settings_versions WHERE scope = ?1", [scope.to_string()])?;
                    Ok(())
                },
                move |()| {
                    inner.current.write().remove(&scope);
                    inner.changes.send_modify(|n| *n += 1);
                },
            )
            .await
    }

    /// Counts changes: when it moves, read again what you use.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    /// JSON Schema (draft 2020-12) of the `values` of scopes of this kind.
    pub fn schema(&self, scope: ScopeKind) -> Value {
        let properties: Map<String, Value> = self
            .0
            .keys
            .values()
            .filter(|k| k.scopes.contains(&scope))
            .map(|k| (k.name.to_owned(), k.schema()))
            .collect();
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "additionalProperties": false,
            "properties": properties,
        })
    }

    fn unknown(&self, name: &str) -> SettingsError {
        let room = name.split('.').next().unwrap_or_default();
        let near: Vec<&str> =
            self.0.keys.keys().copied().filter(|k| k.split('.').next() == Some(room)).collect();
        SettingsError::invalid(
            name,
            if near.is_empty() {
                "there is no such setting".to_owned()
            } else {
                format!("there is no such setting; there are {}", near.join(", "))
            },
        )
    }
}

const COLUMNS: &str = "version, value, author, reason, time_ns";

fn row(scope: Scope, r: &Row<'_>) -> rusqlite::Result<Version> {
    Ok(Version {
        scope,
        version: r.get::<_, i64>(0)? as u64,
        values: serde_json::from_str(&r.get::<_, String>(1)?).unwrap_or_else(|e| {
            tracing::error!(%scope, error = %e, "stored settings cannot be read and are ignored");
            BTreeMap::new()
        }),
        author: r.get(2)?,
        reason: r.get(3)?,
        time: Some(WallTime::from_nanos(r.get(4)?)),
    })
}

fn newest(conn: &Connection, scope: Scope) -> Result<Option<Version>> {
    let sql =
        format!("SELECT {COLUMNS} FROM settings_versions WHERE scope = ?1 ORDER BY version DESC LIMIT 1");
    Ok(conn.prepare_cached(&sql)?.query_row([scope.to_string()], |r| row(scope, r)).optional()?)
}

fn newest_of_all(conn: &Connection) -> Result<Vec<Version>> {
    let scopes: Vec<String> = conn
        .prepare("SELECT DISTINCT scope FROM settings_versions")?
        .query_map([], |r| r.get(0))?
        .collect::<Result<_, _>>()?;
    let mut all = Vec::with_capacity(scopes.len());
    for scope in scopes {
        match scope.parse() {
            Ok(scope) => all.extend(newest(conn, scope)?),
            Err(_) => tracing::warn!(scope, "settings of an unknown scope are ignored"),
        }
    }
    Ok(all)
}

fn insert(tx: &Transaction<'_>, v: &Version) -> Result<Version> {
    let scope = v.scope.to_string();
    let version = i64::try_from(v.version).unwrap_or(i64::MAX);
    tx.execute(
        "INSERT INTO settings_versions(scope, version, value, author, reason, time_ns)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        (&scope, version, json!(v.values).to_string(), &v.author, &v.reason, v.time.map(WallTime::as_nanos)),
    )?;
    tx.execute(
        "DELETE FROM settings_versions WHERE scope = ?1 AND version <= ?2",
        (&scope, version - KEEP_VERSIONS),
    )?;
    Ok(v.clone())
}

/// Leaves out what this release does not know or would not accept.
fn still_valid(keys: &BTreeMap<&'static str, Key>, mut version: Version) -> Version {
    let scope = version.scope;
    version.values.retain(|name, value| {
        let fault = match keys.get(name.as_str()) {
            None => "this release does not know it".to_owned(),
            Some(key) => match key.check(scope, value) {
                Ok(()) => return true,
                Err(e) => e.to_string(),
            },
        };
        tracing::warn!(%scope, key = name, fault, "a stored setting is ignored");
        false
    });
    version
}
