//! Sealing a segment while it is written. Pure: what to write out, nothing is written here.

use crate::digest::{Digest, MacKey};
use crate::head::{Ending, Head, Statement, chain_over};
use crate::key::{KeyError, Signer};
use crate::opening::{DeclaredGap, MOST_GAPS, Opening, Source};
use crate::wire::{Kind, Seal, boxed};
use crate::{Previous, walk};
use heron_core::{StreamKey, WallTime};
use heron_media::mp4::ReadAt;

/// What a segment is said to be; the rest of its [`Opening`] follows from its init segment and the key.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// The stream.
    pub stream: StreamKey,
    /// How the footage came about.
    pub source: Source,
    /// First instant of the footage.
    pub start: WallTime,
    /// See [`Opening::number`].
    pub number: u64,
    /// See [`Opening::previous`].
    pub previous: Option<Previous>,
    /// See [`Opening::made_from`].
    pub made_from: Option<Digest>,
    /// See [`Opening::gaps`]; beyond [`MOST_GAPS`] those in the middle are left out.
    pub gaps: Vec<DeclaredGap>,
}

/// Seals one segment, fragment by fragment. Memory: 32 bytes per fragment, 4 KB for a minute.
///
/// ```text
/// let (sealer, init) = Sealer::begin(beginning, &init_segment, signer, &mac_key);     write init
/// loop { let seal = sealer.next(fragment slices);  write seal.to_box() + fragment;  sealer.commit(&seal); }
/// write sealer.finish(end, Ending::Closed, now, signer)?.to_box()
/// ```
#[derive(Debug)]
pub struct Sealer {
    opening: Opening,
    mac_key: MacKey,
    chain: Digest,
    leaves: Vec<Digest>,
}

impl Sealer {
    /// Begins a segment with init segment `init` (`ftyp`, `moov`); also gives back the init segment to write, with the
    /// opening in it.
    pub fn begin(
        beginning: Beginning,
        init: &[u8],
        signer: &dyn Signer,
        mac_key: &MacKey,
    ) -> (Self, Vec<u8>) {
        let Beginning { stream, source, start, number, previous, made_from, mut gaps } = beginning;
        if gaps.len() > MOST_GAPS {
            let late = gaps.split_off(gaps.len() - MOST_GAPS / 2);
            gaps.truncate(MOST_GAPS - MOST_GAPS / 2);
            gaps.extend(late);
        }
        let key = signer.public_key().fingerprint();
        let init_hash = Digest::of(init);
        let opening =
            Opening { stream, source, start, key, init: init_hash, number, previous, made_from, gaps };
        let made = boxed(Kind::Opening, opening.to_text().as_bytes());
        // After `ftyp`, which is the first box of ours; in front of anything else.
        let ftyp = init.get(..4).and_then(|s| s.try_into().ok()).map_or(0, u32::from_be_bytes) as usize;
        let (before, after) = init.split_at(if ftyp <= init.len() { ftyp } else { 0 });
        let chain = opening.id();
        let sealer = Self { opening, mac_key: mac_key.clone(), chain, leaves: Vec::new() };
        (sealer, [before, &made, after].concat())
    }

    /// The seal of the next fragment, whose bytes are `slices` one after another. Changes nothing: call
    /// [`Sealer::commit`] when it is written.
    pub fn next<'a>(&self, slices: impl IntoIterator<Item = &'a [u8]>) -> Seal {
        let number = u32::try_from(self.leaves.len()).unwrap_or(u32::MAX).saturating_add(1);
        let data = Digest::of_slices(slices);
        let mac = self.mac_key.mark(&self.chain, number, &data);
        let mut seal = Seal { number, data, mac, chain: self.chain };
        seal.chain = chain_over(self.chain, &[seal.leaf()]);
        seal
    }

    /// The fragment with this seal is in the file.
    pub fn commit(&mut self, seal: &Seal) {
        self.chain = seal.chain;
        self.leaves.push(seal.leaf());
    }

    /// What the opening says.
    pub fn opening(&self) -> &Opening {
        &self.opening
    }

    /// What is to be signed now.
    fn statement(&self, end: WallTime, ending: Ending, sealed: WallTime) -> Statement {
        Statement {
            stream: self.opening.stream,
            source: self.opening.source,
            start: self.opening.start,
            end,
            fragments: u32::try_from(self.leaves.len()).unwrap_or(u32::MAX),
            opening: self.opening.id(),
            chain: self.chain,
            ending,
            sealed,
            key: self.opening.key,
        }
    }

    /// The head of the segment, whose footage ends at `end`; `sealed` is now. Also says how the next segment names it.
    ///
    /// # Errors
    /// What the signer says; [`KeyError::Damaged`] when it is not the one that the segment began with.
    pub fn finish(
        &self,
        end: WallTime,
        ending: Ending,
        sealed: WallTime,
        signer: &dyn Signer,
    ) -> Result<(Head, Previous), KeyError> {
        if signer.public_key().fingerprint() != self.opening.key {
            return Err(KeyError::Damaged);
        }
        let statement = self.statement(end, ending, sealed);
        let head = Head::new(&statement, self.leaves.clone(), signer)?;
        Ok((head, previous(&self.opening, &statement)))
    }

    /// Takes a segment up again that was written by a box with this key and never got its head: after a crash, or while
    /// it is still being written. Also gives the number of bytes that it goes on after. Reads seals, and of the footage
    /// the last `suspects` fragments: what was written just before a power cut may be there in length but not in
    /// content, and the segment ends before the first such fragment. `None` when there is no sealed segment, when it has
    /// its head already, when it was begun with another key, or when any seal in it is not the box's own.
    pub fn resume<R: ReadAt + ?Sized>(
        file: &R,
        length: u64,
        suspects: usize,
        signer: &dyn Signer,
        mac_key: &MacKey,
    ) -> Option<(Self, u64)> {
        let found = walk::walk(file, length);
        let opening = found.opening?.1;
        let sound = found.foreign.is_empty() && found.head.is_none() && found.proof.is_none();
        if !sound || found.unreadable.is_some() || opening.key != signer.public_key().fingerprint() {
            return None;
        }
        let chain = opening.id();
        let mut sealer = Self { opening, mac_key: mac_key.clone(), chain, leaves: Vec::new() };
        let mut end = found.init_end;
        let suspect = found.fragments.len().saturating_sub(suspects);
        for (number, fragment) in (1..).zip(&found.fragments) {
            let seal = fragment.seal.filter(|s| s.number == number && s.follows(&sealer.chain))?;
            if !mac_key.is_mark(&seal.mac, &sealer.chain, number, &seal.data) {
                return None;
            }
            if number as usize > suspect {
                let range = fragment.data.clone();
                let mut hasher = crate::DataHasher::default();
                crate::verify::hash(file, range, &mut hasher).ok()?;
                if hasher.finish() != seal.data {
                    break;
                }
            }
            sealer.commit(&seal);
            end = fragment.data.end;
        }
        Some((sealer, end))
    }

    /// The leaves of the fragments so far.
    pub fn leaves(&self) -> &[Digest] {
        &self.leaves
    }

    /// Fragments so far.
    pub fn fragments(&self) -> usize {
        self.leaves.len()
    }
}

/// How the next segment names the one with this opening and statement.
pub fn previous(opening: &Opening, statement: &Statement) -> Previous {
    Previous { head: statement.id(), number: opening.number, start: statement.start, end: statement.end }
}
