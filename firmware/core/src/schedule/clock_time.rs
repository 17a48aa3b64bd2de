//! Times of day and days of the week, as schedules name them.

use jiff::civil::{Date, Time};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A time of day to the minute, `00:00` to `24:00`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClockTime(u16);

impl ClockTime {
    /// The end of the day.
    pub const MIDNIGHT: Self = Self(24 * 60);

    /// From minutes since the day's start, at most 1,440.
    pub fn from_minutes(minutes: u16) -> Option<Self> {
        (minutes <= Self::MIDNIGHT.0).then_some(Self(minutes))
    }
    /// Minutes since the day's start, 0 to 1,440.
    pub fn minutes(self) -> u16 {
        self.0
    }
    /// What a clock without seconds shows at `time`.
    pub fn of(time: Time) -> Self {
        Self(time.hour().unsigned_abs() as u16 * 60 + time.minute().unsigned_abs() as u16)
    }
}

impl fmt::Display for ClockTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl FromStr for ClockTime {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        let digits = |s: &str| s.len() == 2 && s.bytes().all(|b| b.is_ascii_digit());
        let read = |(h, m): (&str, &str)| {
            let (hour, minute): (u16, u16) =
                (digits(h) && digits(m)).then(|| Some((h.parse().ok()?, m.parse().ok()?))).flatten()?;
            (minute < 60).then_some(())?;
            Self::from_minutes(hour * 60 + minute)
        };
        s.split_once(':').and_then(read).ok_or_else(|| {
            let s: String = s.chars().take(20).collect();
            format!("must be a time of day from 00:00 to 24:00, not {s:?}")
        })
    }
}

impl Serialize for ClockTime {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ClockTime {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let s = std::borrow::Cow::<'de, str>::deserialize(d)?;
        s.parse().map_err(serde::de::Error::custom)
    }
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Weekday {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

impl Weekday {
    /// All seven, Monday first (ISO 8601).
    pub const ALL: [Self; 7] = [Self::Mon, Self::Tue, Self::Wed, Self::Thu, Self::Fri, Self::Sat, Self::Sun];

    /// That of a date.
    pub fn of(date: Date) -> Self {
        let n = date.weekday().to_monday_zero_offset();
        Self::ALL[usize::try_from(n).unwrap_or(0) % 7]
    }
}

impl fmt::Display for Weekday {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mon => "mon",
            Self::Tue => "tue",
            Self::Wed => "wed",
            Self::Thu => "thu",
            Self::Fri => "fri",
            Self::Sat => "sat",
            Self::Sun => "sun",
        })
    }
}
