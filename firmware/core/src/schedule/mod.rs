//! A week on the wall: what is to be recorded when, by the clock of a place. Pure.
//!
//! ## What the days on which clocks change mean
//! **The clock on the wall decides.** At every instant the mode is what the schedule says for the weekday and the time
//! that a clock at the place shows at that instant. So on the day a clock is set forward from 02:00 to 03:00 a span
//! `01:00-04:00` begins at 01:00 and ends at 04:00 and is two hours long, a span `02:15-02:45` does not take place, and
//! a span `02:30-05:00` begins when the clock jumps to 03:00. On the day a clock is set back from 03:00 to 02:00
//! `01:00-04:00` is four hours long, and a span `02:15-02:45` takes place twice, since the clock shows these times twice.
//! A day that a place skips altogether (Samoa, 2011-12-30) has no instants and needs no answer.

mod clock_time;
mod next;

use crate::WallTime;
pub use clock_time::{ClockTime, Weekday};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Entries of one week: each of the seven days in eight parts.
pub const MOST_SPANS: usize = 56;
/// Holidays of one schedule: some years of them.
pub const MOST_HOLIDAYS: usize = 128;

/// A mode that says by itself what to record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlainMode {
    /// All the time.
    #[default]
    Continuous,
    /// While something moves.
    Motion,
    /// Around events.
    Event,
    /// Nothing.
    Off,
}

impl PlainMode {
    /// The lower-case name, as in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Continuous => "continuous",
            Self::Motion => "motion",
            Self::Event => "event",
            Self::Off => "off",
        }
    }
}

impl fmt::Display for PlainMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// When a stream is recorded: a plain mode, or a [`Schedule`] that chooses among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordMode {
    /// All the time.
    #[default]
    Continuous,
    /// While something moves.
    Motion,
    /// Around events.
    Event,
    /// By the week's plan.
    Schedule,
    /// Never.
    Off,
}

impl RecordMode {
    /// Every mode.
    pub const ALL: [Self; 5] = [Self::Continuous, Self::Motion, Self::Event, Self::Schedule, Self::Off];

    /// The lower-case name, as in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Continuous => PlainMode::Continuous.as_str(),
            Self::Motion => PlainMode::Motion.as_str(),
            Self::Event => PlainMode::Event.as_str(),
            Self::Off => PlainMode::Off.as_str(),
        }
    }

    /// The plain mode that it is; `None` when a schedule chooses.
    pub fn plain(self) -> Option<PlainMode> {
        match self {
            Self::Continuous => Some(PlainMode::Continuous),
            Self::Motion => Some(PlainMode::Motion),
            Self::Event => Some(PlainMode::Event),
            Self::Off => Some(PlainMode::Off),
            Self::Schedule => None,
        }
    }
}

impl fmt::Display for RecordMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for RecordMode {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|m| m.as_str() == s).ok_or_else(|| {
            format!("record mode must be continuous, motion, event, schedule or off, not {s:?}")
        })
    }
}

/// Some hours of some days of the week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleSpan {
    /// On these days.
    pub days: Vec<Weekday>,
    /// From this time on.
    pub from: ClockTime,
    /// Until just before this time; `24:00` is the end of the day.
    pub to: ClockTime,
    /// What is recorded then.
    pub mode: PlainMode,
}

/// A day that is not like the others of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holiday {
    /// The whole of this day.
    pub date: Date,
    /// What is recorded then.
    pub mode: PlainMode,
}

/// A week's plan with its holidays. [`Schedule::check`] says whether it makes sense; the other functions take any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// The week; spans never overlap.
    #[serde(default)]
    pub week: Vec<ScheduleSpan>,
    /// Days for which the week does not hold.
    #[serde(default)]
    pub holidays: Vec<Holiday>,
    /// What is recorded when no span says anything: nothing, unless it is said.
    #[serde(default = "off")]
    pub otherwise: PlainMode,
}

impl Default for Schedule {
    fn default() -> Self {
        Self { week: Vec::new(), holidays: Vec::new(), otherwise: off() }
    }
}

fn off() -> PlainMode {
    PlainMode::Off
}

/// What is wrong with a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleFault {
    /// The field to blame, from the schedule on: `week[2].from`.
    pub field: String,
    /// What is wrong with it and what would be right.
    pub detail: String,
}

/// What holds at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InForce {
    /// The mode.
    pub mode: PlainMode,
    /// The first later instant at which another mode holds; `None`: never.
    pub until: Option<WallTime>,
}

impl Schedule {
    /// Whether it makes sense: spans of some length that do not overlap, each day a holiday once, bounded.
    ///
    /// # Errors
    /// The first [`ScheduleFault`].
    pub fn check(&self) -> Result<(), ScheduleFault> {
        let fault = |field: String, detail: String| Err(ScheduleFault { field, detail });
        if self.week.len() > MOST_SPANS {
            return fault("week".into(), format!("at most {MOST_SPANS} entries, not {}", self.week.len()));
        }
        if self.holidays.len() > MOST_HOLIDAYS {
            let given = self.holidays.len();
            return fault("holidays".into(), format!("at most {MOST_HOLIDAYS} holidays, not {given}"));
        }
        for (i, span) in self.week.iter().enumerate() {
            if span.days.is_empty() {
                return fault(format!("week[{i}].days"), "name at least one day, such as mon".into());
            }
            if let Some(j) = (1..span.days.len()).find(|j| span.days[..*j].contains(&span.days[*j])) {
                return fault(format!("week[{i}].days[{j}]"), format!("{} is there twice", span.days[j]));
            }
            if span.from >= span.to {
                return fault(
                    format!("week[{i}].to"),
                    format!(
                        "must be later than from ({}), not {}; a span over midnight is two entries",
                        span.from, span.to
                    ),
                );
            }
            for (j, other) in self.week[..i].iter().enumerate() {
                let day = span.days.iter().find(|d| other.days.contains(d));
                if let (Some(day), true) = (day, span.from < other.to && other.from < span.to) {
                    return fault(
                        format!("week[{i}].from"),
                        format!(
                            "{}-{} overlaps week[{j}] ({}-{}) on {day}",
                            span.from, span.to, other.from, other.to
                        ),
                    );
                }
            }
        }
        for (i, holiday) in self.holidays.iter().enumerate() {
            let field = format!("holidays[{i}].date");
            if !(2000..=2200).contains(&holiday.date.year()) {
                return fault(field, format!("must be of the years 2000 to 2200, not {}", holiday.date));
            }
            if self.holidays[..i].iter().any(|h| h.date == holiday.date) {
                return fault(field, format!("{} is there twice", holiday.date));
            }
        }
        Ok(())
    }

    /// What holds when the clock on the wall shows `local`.
    pub fn at_local(&self, local: DateTime) -> PlainMode {
        if let Some(holiday) = self.holiday(local.date()) {
            return holiday;
        }
        let day = Weekday::of(local.date());
        let time = ClockTime::of(local.time());
        self.week
            .iter()
            .find(|s| s.from <= time && time < s.to && s.days.contains(&day))
            .map_or(self.otherwise, |s| s.mode)
    }

    /// What holds at `now` at a place of the time zone `zone`.
    pub fn mode_at(&self, now: WallTime, zone: &TimeZone) -> PlainMode {
        self.at_local(zone.to_datetime(now.to_timestamp()))
    }

    /// What holds at `now` and until when. Costs at most some thousand steps of the calendar: ask again at `until`, not
    /// at every frame.
    pub fn in_force(&self, now: WallTime, zone: &TimeZone) -> InForce {
        InForce { mode: self.mode_at(now, zone), until: next::change(self, now, zone) }
    }

    fn holiday(&self, date: Date) -> Option<PlainMode> {
        self.holidays.iter().find(|h| h.date == date).map(|h| h.mode)
    }
}

#[cfg(test)]
mod tests;
