//! What was found, in sentences for people.

use crate::head::Ending;
use crate::report::{FileReport, Finding, SegmentReport, Verdict};
use heron_core::WallTime;
use std::fmt;

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.fragment, self.time) {
            (Some(n), Some(time)) => write!(f, "fragment {n}, recorded at {time}: {}", self.what),
            (Some(n), None) => write!(f, "fragment {n}: {}", self.what),
            (None, _) => f.write_str(&self.what),
        }
    }
}

/// A span of time as people write it: the day once when it is the same.
pub fn span(start: WallTime, end: WallTime) -> String {
    let (a, b) = (start.to_string(), end.to_string());
    match (a.split_once('T'), b.split_once('T')) {
        (Some((day, _)), Some((same, clock))) if day == same => format!("{a} to {clock}"),
        _ => format!("{a} to {b}"),
    }
}

impl SegmentReport {
    /// One sentence or two.
    pub fn sentence(&self) -> String {
        match self.verdict() {
            Verdict::Whole => {
                let part = match &self.statement {
                    Some(s) if self.first > 1 || self.fragments < s.fragments => {
                        let last = self.first.saturating_add(self.fragments).saturating_sub(1);
                        format!(" (fragments {} to {last} of {})", self.first, s.fragments)
                    }
                    _ => String::new(),
                };
                let end = match self.ending() {
                    Some(Ending::Recovered) => {
                        " The box was interrupted while it recorded this and sealed it when it was back; up to two seconds at its end may never have been written."
                    }
                    Some(Ending::Growing) => " It was still being recorded.",
                    _ => "",
                };
                format!("Whole{part}: every fragment is as the box recorded it.{end}")
            }
            Verdict::NotSealed => {
                "Not sealed: what is there is in order, but its end is not signed. Either it is still being recorded, or its end was cut off.".to_owned()
            }
            Verdict::Unsigned => "Unsigned: it was recorded without evidence; nothing can be said of it.".to_owned(),
            Verdict::Altered => match self.first_altered() {
                Some(finding) => {
                    let more = match self.findings.len() {
                        1 => String::new(),
                        n => format!(" ({} more findings)", n - 1),
                    };
                    format!("Altered: {finding}{more}.")
                }
                None => "Altered.".to_owned(),
            },
        }
    }
}

impl FileReport {
    /// What stands over it all.
    pub fn headline(&self) -> &'static str {
        match self.verdict() {
            Verdict::Whole => "whole",
            Verdict::NotSealed => "not sealed",
            Verdict::Altered => "ALTERED",
            Verdict::Unsigned => "unsigned",
        }
    }
}
