//! The footage that may be deleted, oldest first, over streams and volumes: a merge of one lane per stream and volume,
//! each read in small steps from the index of deletable segments.

use crate::catalogue::{self, Segment, VolumeId};
use heron_core::{StreamKey, WallTime};
use heron_store::Result;
use rusqlite::Connection;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// Rows fetched of a lane at a time: a step of retention takes two or three of each stream.
const FETCH: u32 = 8;

/// One stream on one volume.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) volume: VolumeId,
    pub(crate) stream: StreamKey,
    number: i64,
    /// Footage that ended later is too young to go.
    before: WallTime,
    after: WallTime,
    rows: VecDeque<Segment>,
    exhausted: bool,
}

/// An iterator over deletable segments. It ends at the first error of the database, which [`Deletable::error`] keeps.
#[derive(Debug)]
pub(crate) struct Deletable<'c> {
    conn: &'c Connection,
    lanes: Vec<Lane>,
    heads: BinaryHeap<Reverse<(WallTime, i64, usize)>>,
    pub(crate) error: Option<heron_store::StoreError>,
}

/// The lanes of a volume; `before` says for each stream how old footage must be.
pub(crate) fn lanes(
    conn: &Connection,
    volume: VolumeId,
    before: impl Fn(StreamKey) -> WallTime,
) -> Result<Vec<Lane>> {
    let lane = |(number, stream)| Lane {
        volume,
        stream,
        number,
        before: before(stream),
        after: WallTime(i64::MIN),
        rows: VecDeque::new(),
        exhausted: false,
    };
    Ok(catalogue::streams_on(conn, volume)?.into_iter().map(lane).collect())
}

impl Lane {
    /// Where the lane's next segment begins.
    fn head(&mut self, conn: &Connection) -> Result<Option<(WallTime, i64)>> {
        if self.rows.is_empty() && !self.exhausted {
            // Two of one start (a clock set back twice) may be parted here; the next visit finds the other.
            let span = (self.after, self.before);
            self.rows = catalogue::loose(conn, self.volume, self.number, span, FETCH)?.into();
            self.exhausted = self.rows.len() < FETCH as usize;
            self.after = self.rows.back().map_or(self.after, |s| s.start);
        }
        Ok(self.rows.front().map(|s| (s.start, s.id)))
    }
}

impl<'c> Deletable<'c> {
    /// Merges `lanes`.
    pub(crate) fn new(conn: &'c Connection, lanes: Vec<Lane>) -> Result<Self> {
        let mut all = Self { conn, lanes, heads: BinaryHeap::new(), error: None };
        for lane in 0..all.lanes.len() {
            all.push(lane)?;
        }
        Ok(all)
    }

    fn push(&mut self, lane: usize) -> Result<()> {
        if let Some((start, id)) = self.lanes[lane].head(self.conn)? {
            self.heads.push(Reverse((start, id, lane)));
        }
        Ok(())
    }
}

impl Iterator for Deletable<'_> {
    type Item = Segment;

    fn next(&mut self) -> Option<Segment> {
        let Reverse((_, _, lane)) = self.heads.pop()?;
        let segment = self.lanes[lane].rows.pop_front();
        if let Err(e) = self.push(lane) {
            self.error = Some(e);
            return None;
        }
        segment
    }
}

#[cfg(test)]
mod tests;
