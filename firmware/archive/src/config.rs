//! Where to archive to, what, and when.

use crate::{ArchiveError, Result};
use heron_core::{CameraId, WallTime};
use jiff::civil::Time;
use serde::{Deserialize, Serialize};
use url::Url;
use zeroize::Zeroizing;

/// Most kinds and cameras in a configuration: as many cameras as a box takes.
const MOST_KINDS: usize = 64;
const MOST_CAMERAS: usize = 256;
/// Most seconds around an event: five minutes of a bit rate burst are one more file.
const MOST_AROUND_S: u32 = 300;

/// The hours in which footage may be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// `HH:MM`, the first minute.
    pub from: String,
    /// `HH:MM`, exclusive; before `from`: of the next day.
    pub to: String,
    /// IANA time zone of both.
    #[serde(default = "utc")]
    pub timezone: String,
}

fn utc() -> String {
    "UTC".to_owned()
}

impl Window {
    fn parsed(&self) -> Result<(Time, Time, jiff::tz::TimeZone)> {
        let time = |field: &'static str, text: &str| {
            Time::strptime("%H:%M", text)
                .map_err(|_| ArchiveError::invalid(field, format!("must be a time like 22:00, not {text:?}")))
        };
        let zone = jiff::tz::TimeZone::get(&self.timezone).map_err(|_| {
            ArchiveError::invalid(
                "window.timezone",
                format!("{:?} is no time zone; Europe/Madrid is one", self.timezone),
            )
        })?;
        Ok((time("window.from", &self.from)?, time("window.to", &self.to)?, zone))
    }

    /// Whether footage may be sent at `now`. A window that ends when it begins is always open.
    pub fn is_open(&self, now: WallTime) -> bool {
        let Ok((from, to, zone)) = self.parsed() else { return false };
        let clock = now.to_timestamp().to_zoned(zone).time();
        if from < to { from <= clock && clock < to } else { from <= clock || clock < to }
    }
}

/// What to archive without being asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct What {
    /// Kinds of events whose footage is archived; `analytics.*` takes all that begin so.
    pub events: Vec<String>,
    /// Cameras of which everything is archived.
    pub cameras: Vec<CameraId>,
    /// Seconds before an event that belong to it.
    pub before_s: Option<u32>,
    /// Seconds after it.
    pub after_s: Option<u32>,
}

impl What {
    /// Whether footage of events of `kind` is archived.
    pub(crate) fn takes(&self, kind: &str) -> bool {
        self.events.iter().any(|wanted| match wanted.strip_suffix('*') {
            Some(prefix) => kind.starts_with(prefix),
            None => kind == wanted,
        })
    }

    /// Nanoseconds before and after an event.
    pub(crate) fn around(&self) -> (i64, i64) {
        let nanos = |s: Option<u32>| i64::from(s.unwrap_or(10)) * 1_000_000_000;
        (nanos(self.before_s), nanos(self.after_s))
    }
}

/// When a stored file is believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verify {
    /// When the server has checked each part's SHA-256 and names the right length.
    #[default]
    Checksum,
    /// When it has been read back and is the same: twice the traffic.
    ReadBack,
}

/// Where to archive to, what, and when. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArchiveConfig {
    /// `https://s3.example.com` or `http://…` of a server on the own network: scheme, host and port alone.
    pub endpoint: String,
    /// The region that requests are signed for; servers at home take any.
    #[serde(default = "region")]
    pub region: String,
    /// The bucket; it must exist.
    pub bucket: String,
    /// Folder in the bucket; empty for none.
    #[serde(default)]
    pub prefix: String,
    /// The access key's id.
    pub access_key: String,
    /// The bucket stands in the path (most servers but Amazon's own) and not in the host's name.
    #[serde(default = "yes")]
    pub path_style: bool,
    /// Never faster than this, kbit/s; 0 for no cap.
    #[serde(default)]
    pub bandwidth_kbit: u32,
    /// The hours in which to send; always when absent.
    #[serde(default)]
    pub window: Option<Window>,
    /// What to archive without being asked.
    #[serde(default)]
    pub what: What,
    /// When a stored file is believed.
    #[serde(default)]
    pub verify: Verify,
    /// PEM certificates to trust besides the usual ones, for a server with a certificate of its own.
    #[serde(default)]
    pub ca_pem: Option<String>,
}

fn region() -> String {
    "us-east-1".to_owned()
}

fn yes() -> bool {
    true
}

/// A configuration as it is entered. No `Debug`: it may hold the secret.
pub struct NewConfig {
    /// All but the secret.
    pub config: ArchiveConfig,
    /// The access key's secret; `None` keeps the one that is stored, if address and access key are the same.
    pub secret: Option<Zeroizing<String>>,
}

/// A configuration as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConfigShown {
    /// All but the secret.
    #[serde(flatten)]
    pub config: ArchiveConfig,
    /// Whether a secret is stored.
    pub has_secret: bool,
}

impl ArchiveConfig {
    /// Endpoint and bucket, as in messages.
    pub(crate) fn place(&self) -> String {
        format!("{}/{}", self.endpoint.trim_end_matches('/'), self.bucket)
    }

    /// Whether a secret that was entered for `other` may be used for this.
    pub(crate) fn same_account(&self, other: &Self) -> bool {
        self.endpoint == other.endpoint && self.access_key == other.access_key
    }

    /// Whether footage may be sent at `now`.
    pub(crate) fn is_open(&self, now: WallTime) -> bool {
        self.window.as_ref().is_none_or(|w| w.is_open(now))
    }

    /// Checks every field, and brings the endpoint into one spelling.
    ///
    /// # Errors
    /// [`ArchiveError::Invalid`] naming the field.
    pub fn checked(mut self) -> Result<Self> {
        let invalid = |field, detail: &str| ArchiveError::invalid(field, detail);
        let url = Url::parse(self.endpoint.trim()).map_err(|e| {
            invalid("endpoint", &format!("must be an address like https://s3.example.com: {e}"))
        })?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(invalid("endpoint", "must begin with https:// or http:// and name a host"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid("endpoint", "must not hold keys: they go into access_key and secret"));
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(invalid(
                "endpoint",
                "must end after host and port; the bucket goes into bucket, a folder into prefix",
            ));
        }
        self.endpoint = url.as_str().trim_end_matches('/').to_owned();
        let plain = |extra: &'static [u8]| {
            move |s: &str| s.bytes().all(|b| b.is_ascii_alphanumeric() || extra.contains(&b))
        };
        if !(3..=63).contains(&self.bucket.len()) || !plain(b".-")(&self.bucket) {
            return Err(invalid("bucket", "must be 3 to 63 letters, digits, dots and dashes"));
        }
        if self.region.is_empty() || self.region.len() > 40 || !plain(b"-_")(&self.region) {
            return Err(invalid("region", "must be a region's name like eu-central-1"));
        }
        self.prefix = self.prefix.trim_matches('/').to_owned();
        let odd = |part: &str| part.is_empty() || part == "." || part == ".." || !plain(b".-_")(part);
        if self.prefix.len() > 200 || (!self.prefix.is_empty() && self.prefix.split('/').any(odd)) {
            return Err(invalid(
                "prefix",
                "must be folders of letters, digits, dots, dashes and underscores, at most 200 characters",
            ));
        }
        if self.access_key.is_empty()
            || self.access_key.len() > 128
            || !self.access_key.bytes().all(|b| b.is_ascii_graphic())
        {
            return Err(invalid("access_key", "must be 1 to 128 printable characters"));
        }
        if self.bandwidth_kbit != 0 && !(64..=10_000_000).contains(&self.bandwidth_kbit) {
            return Err(invalid("bandwidth_kbit", "must be 0 for no cap, or 64 to 10000000"));
        }
        if let Some(window) = &self.window {
            window.parsed()?;
        }
        if self.what.events.len() > MOST_KINDS {
            return Err(invalid("what.events", &format!("must be at most {MOST_KINDS} kinds")));
        }
        let kind = |k: &String| {
            let stem = k.strip_suffix('*').unwrap_or(k);
            !k.is_empty()
                && k.len() <= 64
                && stem.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
        };
        if let Some(odd) = self.what.events.iter().find(|k| !kind(k)) {
            return Err(invalid(
                "what.events",
                &format!("{odd:?} is no kind of event; analytics.intrusion and analytics.* are"),
            ));
        }
        if self.what.cameras.len() > MOST_CAMERAS {
            return Err(invalid("what.cameras", &format!("must be at most {MOST_CAMERAS} cameras")));
        }
        for (field, seconds) in [("what.before_s", self.what.before_s), ("what.after_s", self.what.after_s)] {
            if seconds.is_some_and(|s| s > MOST_AROUND_S) {
                return Err(invalid(field, &format!("must be at most {MOST_AROUND_S}")));
            }
        }
        if let Some(pem) = &self.ca_pem {
            if pem.len() > 64 << 10 {
                return Err(invalid("ca_pem", "must be at most 64 KiB of PEM certificates"));
            }
            reqwest::Certificate::from_pem_bundle(pem.as_bytes())
                .ok()
                .filter(|found| !found.is_empty())
                .ok_or_else(|| invalid("ca_pem", "holds no PEM certificate"))?;
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn good() -> serde_json::Value {
        serde_json::json!({ "endpoint": "https://s3.example.com/", "bucket": "footage", "access_key": "AK" })
    }

    fn with(field: &str, value: serde_json::Value) -> Result<ArchiveConfig> {
        let mut config = good();
        config[field] = value;
        serde_json::from_value::<ArchiveConfig>(config)
            .map_err(|e| ArchiveError::invalid("body", e.to_string()))?
            .checked()
    }

    #[test]
    fn the_least_that_must_be_said_is_enough() {
        let config = with("prefix", "/boxes/".into()).unwrap();
        assert_eq!((config.endpoint.as_str(), config.prefix.as_str()), ("https://s3.example.com", "boxes"));
        assert_eq!((config.region.as_str(), config.path_style), ("us-east-1", true));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (field, value, blamed) in [
            ("endpoint", serde_json::json!("s3.example.com"), "endpoint"),
            ("endpoint", serde_json::json!("ftp://s3.example.com"), "endpoint"),
            ("endpoint", serde_json::json!("https://k:s@s3.example.com"), "endpoint"),
            ("endpoint", serde_json::json!("https://s3.example.com/bucket"), "endpoint"),
            ("bucket", serde_json::json!("a/b"), "bucket"),
            ("prefix", serde_json::json!("a/../b"), "prefix"),
            ("access_key", serde_json::json!(""), "access_key"),
            ("bandwidth_kbit", serde_json::json!(1), "bandwidth_kbit"),
            ("window", serde_json::json!({"from": "25:00", "to": "06:00"}), "window.from"),
            ("window", serde_json::json!({"from": "22:00", "to": "6"}), "window.to"),
            (
                "window",
                serde_json::json!({"from": "22:00", "to": "06:00", "timezone": "Mars/Base"}),
                "window.timezone",
            ),
            ("what", serde_json::json!({"events": ["Analytics Intrusion"]}), "what.events"),
            ("what", serde_json::json!({"before_s": 9999}), "what.before_s"),
            ("ca_pem", serde_json::json!("hello"), "ca_pem"),
        ] {
            let e = with(field, value).unwrap_err();
            assert_eq!(e.field(), Some(blamed), "{e}");
        }
    }

    #[test]
    fn a_window_over_midnight_is_open_on_both_sides_of_it() {
        let night = Window { from: "22:00".into(), to: "06:00".into(), timezone: "Europe/Madrid".into() };
        for (at, open) in [
            ("2026-11-20T20:59:00Z", false),
            ("2026-11-20T21:00:00Z", true),
            ("2026-11-21T04:59:59Z", true),
            ("2026-11-21T05:00:00Z", false),
            // In summer the same wall clock is an hour earlier in UTC.
            ("2026-07-20T20:00:00Z", true),
        ] {
            assert_eq!(night.is_open(at.parse().unwrap()), open, "{at}");
        }
    }

    #[test]
    fn kinds_are_taken_whole_or_by_their_beginning() {
        let what = What { events: vec!["analytics.*".into(), "camera.tamper".into()], ..What::default() };
        assert!(what.takes("analytics.plate") && what.takes("camera.tamper"));
        assert!(!what.takes("camera.tampered") && !what.takes("recording.gap"));
    }

    proptest! {
        #[test]
        fn nothing_that_is_entered_makes_it_panic(endpoint in ".{0,80}", prefix in ".{0,80}", from in ".{0,8}", kind in ".{0,80}") {
            let mut config = good();
            config["endpoint"] = endpoint.into();
            config["prefix"] = prefix.into();
            config["window"] = serde_json::json!({ "from": from, "to": "06:00" });
            config["what"] = serde_json::json!({ "events": [kind] });
            if let Ok(config) = serde_json::from_value::<ArchiveConfig>(config) {
                let _ = config.checked();
            }
        }
    }
}
