//! When a schedule's mode changes next.
//!
//! A time zone is a row of stretches in which the wall clock runs evenly. In each of them the mode can change only where
//! the wall clock passes a boundary of the day (midnight, a span's begin or end), and at the stretch's begin, where the
//! clock jumps. Each of these instants is looked at in order; the first one with another mode is the answer.

use super::Schedule;
use crate::WallTime;
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, ToSpan};

/// Days without a holiday after which nothing new can come before the next holiday: two weeks and a day, since on one
/// day of a week a span may fall into the hour that the clock skips.
const PLAIN_DAYS: u32 = 15;

/// The first instant after `now` at which another mode holds.
pub(super) fn change(schedule: &Schedule, now: WallTime, zone: &TimeZone) -> Option<WallTime> {
    let mut minutes: Vec<u16> =
        schedule.week.iter().flat_map(|s| [s.from.minutes(), s.to.minutes()]).collect();
    minutes.extend([0, 24 * 60]);
    minutes.sort_unstable();
    minutes.dedup();
    let mode = schedule.mode_at(now, zone);
    let mut plain = 0;
    // Of the stretch: where to look from, where it ends.
    let mut from = now.to_timestamp();
    loop {
        let offset = zone.to_offset(from);
        let stretch_end = zone.following(from).next().map(|t| t.timestamp());
        let mut day = zone.to_datetime(from).date();
        loop {
            for minute in &minutes {
                let at = instant(day, *minute, offset)?;
                if stretch_end.is_some_and(|end| at >= end) {
                    break;
                }
                if at > now.to_timestamp() && at >= from && schedule.at_local(offset.to_datetime(at)) != mode
                {
                    return wall(at);
                }
            }
            plain = if schedule.holiday(day).is_some() { 0 } else { plain + 1 };
            day = day.tomorrow().ok()?;
            if plain > PLAIN_DAYS {
                // Nothing but a holiday can change anything any more; go on the day before it.
                let next = schedule.holidays.iter().map(|h| h.date).filter(|d| *d >= day).min()?;
                let eve = next.yesterday().ok()?.max(day);
                let at = zone.to_ambiguous_timestamp(eve.at(0, 0, 0, 0)).compatible().ok()?;
                plain = 0;
                if at > from {
                    from = at;
                    break;
                }
                day = eve;
            }
            if let Some(end) = stretch_end
                && instant(day, 0, offset).is_none_or(|begins| begins >= end)
            {
                from = end;
                if end > now.to_timestamp() && schedule.at_local(zone.to_datetime(end)) != mode {
                    return wall(end);
                }
                break;
            }
        }
    }
}

/// When a clock that is `offset` ahead of UTC shows `minute` of `day`.
fn instant(day: Date, minute: u16, offset: Offset) -> Option<Timestamp> {
    let midnight = offset.to_timestamp(day.at(0, 0, 0, 0)).ok()?;
    midnight.checked_add(i64::from(minute).minutes()).ok()
}

fn wall(at: Timestamp) -> Option<WallTime> {
    i64::try_from(at.as_nanosecond()).ok().map(WallTime)
}
