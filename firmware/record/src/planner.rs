//! "Days you will have": what rules of retention come to, before they are applied. Pure and in closed form: rates, rules
//! and room in; depths and warnings out.
//!
//! Each stream is a layer cake over age: full bytes up to the age at which it is thinned, the thinned share of them
//! beyond, and the share that events keep for longer. Room is shared oldest first, so all streams of a pool reach back to
//! the same age, except those that their own rules stop before (greatest age, bytes) or carry beyond (least age). The bytes
//! of that cake grow with the common age, so the age that fits the room is found by bisection.

mod cake;

use crate::rules::{RetentionRules, ThinTo};
use cake::{Cake, share};
use heron_core::{StreamKey, StreamKind, WallTime};
use std::sync::Arc;
use std::time::Duration;

const DAY: f64 = 86_400.0;

/// What is known of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanStream {
    /// The stream.
    pub stream: StreamKey,
    /// Measured.
    pub bytes_per_second: u64,
    /// How its footage is kept, or would be.
    pub rules: Arc<RetentionRules>,
    /// Share of the time (0 to 1) in which events of each kind were.
    pub event_shares: Vec<(String, f64)>,
    /// The camera's sub stream is recorded.
    pub has_sub: bool,
    /// It is to be recorded; otherwise it is footage of a camera that is switched off or was removed.
    pub is_recorded: bool,
    /// What is there of it, copies not counted.
    pub stored_bytes: u64,
    /// Start of the oldest of it.
    pub oldest: Option<WallTime>,
}

/// The room there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlanRoom {
    /// Room for recordings on the volumes that are recorded to, locked footage taken off.
    pub spread_bytes: u64,
    /// Number of these volumes.
    pub spread_volumes: usize,
    /// Room on the volumes for second copies; `None`: there is no such volume.
    pub mirror_bytes: Option<u64>,
    /// Room on the volumes for copies of events; `None`: there is no such volume.
    pub events_bytes: Option<u64>,
}

/// What stops the footage from reaching back further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitedBy {
    /// The room there is, or the bytes that a stream may take.
    Room,
    /// The greatest age allowed.
    Age,
}

impl LimitedBy {
    /// `room` or `age`, as in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Room => "room",
            Self::Age => "age",
        }
    }
}

/// What is amiss with a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanWarning {
    /// For programs: `min_days_do_not_fit`, `max_below_min`, `max_below_events`, `bytes_below_min`, `thins_before_min`,
    /// `no_sub_stream`, `no_mirror_volume`, `mirror_shorter`, `no_events_volume`, `events_do_not_fit` or `not_measured`.
    pub code: &'static str,
    /// For people.
    pub text: String,
}

/// One stream's part.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamPlan {
    /// The stream.
    pub stream: StreamKey,
    /// Measured.
    pub bytes_per_second: u64,
    /// Days of continuous footage; `None` while nothing is written of it.
    pub days_expected: Option<f64>,
    /// Least days, as the rules say; 0: none.
    pub min_days: f64,
    /// Greatest days, as the rules say; 0: none.
    pub max_days: f64,
}

/// What rules come to.
#[derive(Clone, Debug, PartialEq)]
pub struct RetentionPlan {
    /// Days that there will be of every stream that is written; `None` while nothing is written.
    pub days_expected: Option<f64>,
    /// What stops the shortest stream.
    pub limited_by: Option<LimitedBy>,
    /// Room for recordings.
    pub usable_bytes: u64,
    /// What all streams write together.
    pub bytes_per_second: u64,
    /// What would be deleted at once.
    pub deletes_bytes: u64,
    /// Nothing that began later than this would be deleted at once; `None`: nothing would.
    pub deletes_before: Option<WallTime>,
    /// In the order given.
    pub streams: Vec<StreamPlan>,
    /// What is amiss.
    pub warnings: Vec<PlanWarning>,
}

/// Works out what `streams` come to in `room`. `older` says how many bytes of a stream's footage ended before an instant.
pub fn plan(
    streams: &[PlanStream],
    room: &PlanRoom,
    now: WallTime,
    older: impl Fn(&PlanStream, WallTime) -> u64,
) -> RetentionPlan {
    let mut warnings = Warnings::default();
    let cakes: Vec<Cake> = streams.iter().map(Cake::new).collect();
    let (common, cut) = share_with_copies(streams, &cakes, room, &mut warnings);
    let mut shortest: Option<(f64, LimitedBy)> = None;
    let mut plans = Vec::with_capacity(streams.len());
    for (stream, cake) in streams.iter().zip(&cakes) {
        let depth = if cut < 1.0 { cake.floor * cut } else { cake.depth(common) };
        let limit = match depth >= cake.cap && cake.cap_is_age && cake.cap < cake::HORIZON {
            true => LimitedBy::Age,
            false => LimitedBy::Room,
        };
        let is_written = stream.bytes_per_second > 0;
        if is_written && depth < cake::HORIZON && shortest.is_none_or(|s| depth < s.0) {
            shortest = Some((depth, limit));
        }
        plans.push(StreamPlan {
            stream: stream.stream,
            bytes_per_second: stream.bytes_per_second,
            days_expected: is_written.then_some(depth / DAY),
            min_days: stream.rules.min_age.as_secs_f64() / DAY,
            max_days: stream.rules.max_age.map_or(0.0, |a| a.as_secs_f64() / DAY),
        });
        warnings.of_stream(stream, cake);
    }
    if cut < 1.0 {
        let needs: f64 = cakes.iter().map(|c| c.bytes(c.floor)).sum();
        warnings.say(
            "min_days_do_not_fit",
            format!(
                "What must be kept takes {}, and there is room for {}: the volumes will fill up and recording will stop.",
                gib(needs),
                gib(room.spread_bytes as f64)
            ),
        );
    }
    let (deletes_bytes, deletes_before) = at_once(streams, now, older);
    RetentionPlan {
        days_expected: shortest.map(|s| s.0 / DAY),
        limited_by: shortest.map(|s| s.1),
        usable_bytes: room.spread_bytes,
        bytes_per_second: streams.iter().map(|s| s.bytes_per_second).sum(),
        deletes_bytes,
        deletes_before,
        streams: plans,
        warnings: warnings.0,
    }
}

/// As [`share`], with the second copies that take room of the same volumes, and warnings about those on others.
fn share_with_copies(
    streams: &[PlanStream],
    cakes: &[Cake],
    room: &PlanRoom,
    warnings: &mut Warnings,
) -> (f64, f64) {
    let mirrored = |s: &&PlanStream| s.rules.mirror && s.bytes_per_second > 0;
    let copies: Vec<Cake> = streams.iter().filter(mirrored).map(Cake::new).collect();
    let spread = room.spread_bytes as f64;
    let answer = match room.mirror_bytes {
        None if !copies.is_empty() && room.spread_volumes > 1 => {
            let all: Vec<Cake> =
                streams.iter().chain(streams.iter().filter(mirrored)).map(Cake::new).collect();
            share(&all, spread)
        }
        _ => share(cakes, spread),
    };
    match room.mirror_bytes {
        None if !copies.is_empty() && room.spread_volumes < 2 => {
            warnings.say("no_mirror_volume", "Mirroring needs a second volume, and there is none.".into());
        }
        Some(bytes) if !copies.is_empty() => {
            let (common, cut) = share(&copies, bytes as f64);
            let reach =
                |c: &Cake, common: f64, cut: f64| if cut < 1.0 { c.floor * cut } else { c.depth(common) };
            let shorter = copies.iter().map(|c| (reach(c, common, cut), reach(c, answer.0, answer.1)));
            let shorter = shorter.filter(|(copy, original)| copy + DAY / 24.0 < *original);
            if let Some(days) = shorter.map(|s| s.0).min_by(f64::total_cmp) {
                let text = format!("The second copies reach back {:.1} days only.", days / DAY);
                warnings.say("mirror_shorter", text);
            }
        }
        _ => {}
    }
    if streams.iter().any(|s| s.rules.event_copy) {
        let held = |c: &Cake| c.events.iter().map(|(share, age)| share * age).sum::<f64>() * c.rate;
        let copied = streams.iter().zip(cakes).filter(|(s, _)| s.rules.event_copy);
        let needs: f64 = copied.map(|(_, c)| held(c)).sum();
        match room.events_bytes {
            None => {
                let text = "Copies of events need a volume with the role \"events\", and there is none.";
                warnings.say("no_events_volume", text.into());
            }
            Some(bytes) if needs > bytes as f64 => warnings.say(
                "events_do_not_fit",
                format!(
                    "Copies of events would take {}, and there is room for {}.",
                    gib(needs),
                    gib(bytes as f64)
                ),
            ),
            Some(_) => {}
        }
    }
    answer
}

/// What would go as soon as the rules hold.
fn at_once(
    streams: &[PlanStream],
    now: WallTime,
    older: impl Fn(&PlanStream, WallTime) -> u64,
) -> (u64, Option<WallTime>) {
    let (mut bytes, mut before) = (0, None);
    for s in streams {
        let too_old = s.rules.max_age.map(|age| now - age).filter(|b| s.oldest.is_some_and(|o| o < *b));
        let by_age = too_old.map_or(0, |b| older(s, b));
        let left = s.stored_bytes.saturating_sub(by_age);
        let may_go = older(s, now - s.rules.min_age).saturating_sub(by_age);
        let by_bytes = s.rules.max_bytes.map_or(0, |most| left.saturating_sub(most)).min(may_go);
        bytes += by_age + by_bytes;
        if by_age > 0 {
            before = before.max(too_old);
        }
        if let (true, Some(oldest)) = (by_bytes > 0, s.oldest) {
            // Footage is spread evenly enough over its time for a date.
            let share = (by_age + by_bytes) as f64 / s.stored_bytes.max(1) as f64;
            let span = now.nanos_since(oldest) as f64;
            before = before.max(Some(oldest.plus_nanos((span * share.min(1.0)) as i64)));
        }
    }
    (bytes, before)
}

/// An estimate for `older` where nothing better is known: footage is spread evenly from its oldest to now.
pub fn evenly_older(s: &PlanStream, now: WallTime, before: WallTime) -> u64 {
    let Some(oldest) = s.oldest else { return 0 };
    let span = now.nanos_since(oldest).max(1) as f64;
    let gone = before.nanos_since(oldest).max(0) as f64;
    (s.stored_bytes as f64 * (gone / span).min(1.0)) as u64
}

#[derive(Default)]
struct Warnings(Vec<PlanWarning>);

impl Warnings {
    /// Each thing is said once, however many streams it concerns.
    fn say(&mut self, code: &'static str, text: String) {
        if !self.0.iter().any(|w| w.code == code) {
            self.0.push(PlanWarning { code, text });
        }
    }

    fn of_stream(&mut self, s: &PlanStream, cake: &Cake) {
        let rules = &*s.rules;
        let days = |d: Duration| format!("{:.1} days", d.as_secs_f64() / DAY);
        if let Some(max) = rules.max_age {
            if rules.min_age > max {
                let text = format!(
                    "Footage goes after {} although {} are to be kept: the greatest age wins.",
                    days(max),
                    days(rules.min_age)
                );
                self.say("max_below_min", text);
            }
            let longest = rules.event_ages.values().copied().max().unwrap_or_default().max(rules.event_age);
            if longest > max {
                let text = format!(
                    "Footage of events is to be kept for {}, but everything goes after {}: the greatest age wins.",
                    days(longest),
                    days(max)
                );
                self.say("max_below_events", text);
            }
        }
        if let Some(most) = rules.max_bytes
            && cake.bytes(cake.floor) > most as f64
        {
            let text = format!(
                "{} of a stream are {}, more than the {} it may take: the least age wins.",
                days(rules.min_age),
                gib(cake.bytes(cake.floor)),
                gib(most as f64)
            );
            self.say("bytes_below_min", text);
        }
        if let Some(after) = rules.thin_after {
            if after < rules.min_age {
                let text = format!(
                    "Footage is thinned after {}, before the {} for which it is to be kept.",
                    days(after),
                    days(rules.min_age)
                );
                self.say("thins_before_min", text);
            }
            if rules.thin_to == ThinTo::Sub && s.stream.kind == StreamKind::Main && !s.has_sub {
                let text =
                    "A camera without a recorded sub stream cannot be thinned to it and is kept whole.";
                self.say("no_sub_stream", text.into());
            }
        }
        if s.is_recorded && s.bytes_per_second == 0 {
            let text = "A stream that is to be recorded writes nothing now and is not in the sum.";
            self.say("not_measured", text.into());
        }
    }
}

fn gib(bytes: f64) -> String {
    format!("{:.1} GiB", bytes / f64::from(1 << 30))
}

#[cfg(test)]
mod tests;
