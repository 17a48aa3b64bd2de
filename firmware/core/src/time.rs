//! The two clocks of the house: wall time and media time.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// UTC wall clock, nanoseconds since 1970-01-01T00:00:00Z. Range: years 1677 to 2262.
///
/// Serialises as RFC 3339 with milliseconds (`2026-11-20T09:44:17.123Z`) and reads any RFC 3339 instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WallTime(pub i64);

impl WallTime {
    /// From nanoseconds since the Unix epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }
    /// From milliseconds since the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }
    /// Nanoseconds since the Unix epoch.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }
    /// Whole milliseconds since the Unix epoch, rounded down.
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }
    /// `self - earlier` in nanoseconds; negative when `earlier` is the later one. Saturates.
    pub const fn nanos_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
    /// `self - earlier`, or zero when `earlier` is the later one.
    pub fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(u64::try_from(self.nanos_since(earlier)).unwrap_or(0))
    }
    /// `self + nanos`, saturating.
    pub const fn plus_nanos(self, nanos: i64) -> Self {
        Self(self.0.saturating_add(nanos))
    }
    /// 64-bit NTP timestamp (seconds since 1900 in the upper half, fraction in the lower), as in RFC 3550
    /// sender reports and ISO 14496-12 `prft`.
    pub fn to_ntp(self) -> u64 {
        let secs = self.0.div_euclid(1_000_000_000) + NTP_UNIX_OFFSET_SECS;
        let nanos = self.0.rem_euclid(1_000_000_000) as u64;
        ((secs as u64) << 32) | ((nanos << 32) / 1_000_000_000)
    }
    /// From a 64-bit NTP timestamp of era 0 (until 2036) or, for values before 1968, era 1.
    pub fn from_ntp(ntp: u64) -> Self {
        let mut secs = (ntp >> 32) as i64;
        if secs < 0x8000_0000 {
            secs += 1 << 32;
        }
        // Round the fraction up so that a value made by `to_ntp` returns to the same nanosecond.
        let nanos = (((ntp & 0xffff_ffff) * 1_000_000_000).div_ceil(1 << 32)) as i64;
        Self((secs - NTP_UNIX_OFFSET_SECS) * 1_000_000_000 + nanos)
    }
    /// As a `jiff` timestamp, for calendars and time zones.
    pub fn to_timestamp(self) -> jiff::Timestamp {
        jiff::Timestamp::from_nanosecond(i128::from(self.0)).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
}

const NTP_UNIX_OFFSET_SECS: i64 = 2_208_988_800;

impl Add<Duration> for WallTime {
    type Output = Self;
    fn add(self, d: Duration) -> Self {
        self.plus_nanos(i64::try_from(d.as_nanos()).unwrap_or(i64::MAX))
    }
}

impl Sub<Duration> for WallTime {
    type Output = Self;
    fn sub(self, d: Duration) -> Self {
        self.plus_nanos(-i64::try_from(d.as_nanos()).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = WallTime::from_millis(self.as_millis()).to_timestamp();
        write!(f, "{millis:.3}")
    }
}

impl FromStr for WallTime {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let t: jiff::Timestamp = s
            .parse()
            .map_err(|_| format!("{s:?} is not an RFC 3339 time such as 2026-11-20T09:44:17.123Z"))?;
        i64::try_from(t.as_nanosecond())
            .map(Self)
            .map_err(|_| format!("{s:?} is outside the years 1677 to 2262"))
    }
}

impl Serialize for WallTime {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for WallTime {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let s = std::borrow::Cow::<'de, str>::deserialize(d)?;
        s.parse().map_err(serde::de::Error::custom)
    }
}

/// A stream's own time line in 90 kHz ticks, unwrapped to 64 bits. Zero is arbitrary; only differences mean
/// anything, and only within one connection of one camera.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MediaTime(pub i64);

impl MediaTime {
    /// Ticks per second.
    pub const HZ: i64 = 90_000;

    /// From ticks of another clock rate, rounded to nearest. `hz` must not be zero.
    pub fn from_rate(ticks: i64, hz: u32) -> Self {
        let wide = i128::from(ticks) * i128::from(Self::HZ);
        let hz = i128::from(hz.max(1));
        Self(((wide + hz / 2).div_euclid(hz)) as i64)
    }
    /// In ticks of another clock rate, rounded to nearest.
    pub fn to_rate(self, hz: u32) -> i64 {
        let wide = i128::from(self.0) * i128::from(hz);
        (wide + i128::from(Self::HZ / 2)).div_euclid(i128::from(Self::HZ)) as i64
    }
    /// In nanoseconds.
    pub fn as_nanos(self) -> i64 {
        (i128::from(self.0) * 100_000 / 9) as i64
    }
    /// From nanoseconds, rounded to nearest.
    pub fn from_nanos(nanos: i64) -> Self {
        Self(((i128::from(nanos) * 9 + 50_000).div_euclid(100_000)) as i64)
    }
}

impl Sub for MediaTime {
    type Output = Self;
    fn sub(self, o: Self) -> Self {
        Self(self.0.saturating_sub(o.0))
    }
}

impl Add for MediaTime {
    type Output = Self;
    fn add(self, o: Self) -> Self {
        Self(self.0.saturating_add(o.0))
    }
}

/// Where rooms take the time from, so that tests can give it to them.
pub trait Clock: Send + Sync + fmt::Debug {
    /// UTC now.
    fn now(&self) -> WallTime;
    /// Time since some fixed moment; never goes back.
    fn monotonic(&self) -> Duration;
}

/// The machine's own clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> WallTime {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(d) => WallTime(i64::try_from(d.as_nanos()).unwrap_or(i64::MAX)),
            Err(before) => WallTime(-i64::try_from(before.duration().as_nanos()).unwrap_or(i64::MAX)),
        }
    }
    fn monotonic(&self) -> Duration {
        static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        START.get_or_init(std::time::Instant::now).elapsed()
    }
}

/// A clock that moves only when told to.
#[derive(Debug)]
pub struct ManualClock {
    wall_nanos: AtomicI64,
    monotonic_nanos: AtomicI64,
}

impl ManualClock {
    /// A clock that stands at `now`.
    pub fn new(now: WallTime) -> Self {
        Self { wall_nanos: AtomicI64::new(now.0), monotonic_nanos: AtomicI64::new(0) }
    }
    /// Moves both clocks forward.
    pub fn advance(&self, by: Duration) {
        let nanos = i64::try_from(by.as_nanos()).unwrap_or(i64::MAX);
        self.wall_nanos.fetch_add(nanos, Ordering::SeqCst);
        self.monotonic_nanos.fetch_add(nanos, Ordering::SeqCst);
    }
    /// Steps the wall clock alone, as an operator or a time server does.
    pub fn set_wall(&self, now: WallTime) {
        self.wall_nanos.store(now.0, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> WallTime {
        WallTime(self.wall_nanos.load(Ordering::SeqCst))
    }
    fn monotonic(&self) -> Duration {
        Duration::from_nanos(self.monotonic_nanos.load(Ordering::SeqCst).max(0) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_time_reads_and_writes_rfc_3339_with_milliseconds() {
        let t: WallTime = "2026-11-20T09:44:17.123456789Z".parse().unwrap();
        assert_eq!(t.to_string(), "2026-11-20T09:44:17.123Z");
        assert_eq!(
            "2026-11-20T10:44:17+01:00".parse::<WallTime>().unwrap().to_string(),
            "2026-11-20T09:44:17.000Z"
        );
        assert!("yesterday".parse::<WallTime>().is_err());
        assert_eq!(serde_json::to_string(&t).unwrap(), "\"2026-11-20T09:44:17.123Z\"");
    }

    #[test]
    fn ntp_round_trips_to_the_nanosecond() {
        for nanos in [0, 1, 999_999_999, 1_763_631_857_123_456_789, 2_200_000_000_000_000_000] {
            assert_eq!(WallTime::from_ntp(WallTime(nanos).to_ntp()), WallTime(nanos));
        }
    }

    #[test]
    fn media_time_converts_between_rates() {
        assert_eq!(MediaTime::from_rate(8000, 8000), MediaTime(90_000));
        assert_eq!(MediaTime::from_rate(1024, 44_100), MediaTime(2090));
        assert_eq!(MediaTime(90_000).to_rate(48_000), 48_000);
        assert_eq!(MediaTime(-90_000).as_nanos(), -1_000_000_000);
        assert_eq!(MediaTime::from_nanos(40_000_000), MediaTime(3600));
    }
}
