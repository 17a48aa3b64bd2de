//! The signed head: what the box says of a segment that it has completed.

use crate::digest::{Digest, link};
use crate::key::{Fingerprint, KeyError, PublicKey, SIGNATURE_LEN, SignatureAlgorithm, Signer};
use crate::lines::{Nanos, Reader, Writer};
use crate::opening::Source;
use crate::wire::{Fields, Kind, boxed, put_counted};
use heron_core::{StreamKey, WallTime};
use std::fmt;
use std::str::FromStr;

const TITLE: &str = "heron-evidence 1 head";

/// How the segment came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// The recorder completed it.
    Closed,
    /// A crash or a power cut ended it; the next start sealed what was there. What came in the last second or two
    /// before the end may not have been written.
    Recovered,
    /// It goes on: only in an export of footage that was still being recorded.
    Growing,
}

impl Ending {
    /// Every ending.
    pub const ALL: [Self; 3] = [Self::Closed, Self::Recovered, Self::Growing];

    /// `closed`, `recovered` or `growing`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Recovered => "recovered",
            Self::Growing => "growing",
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Ending {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|e| e.as_str() == text).ok_or_else(|| format!("{text:?} is no ending"))
    }
}

/// What is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The stream.
    pub stream: StreamKey,
    /// How the footage came about.
    pub source: Source,
    /// First instant of the footage.
    pub start: WallTime,
    /// End of the footage.
    pub end: WallTime,
    /// Fragments.
    pub fragments: u32,
    /// [`crate::Opening::id`] of the segment's opening.
    pub opening: Digest,
    /// The chain after the last fragment.
    pub chain: Digest,
    /// How it ended.
    pub ending: Ending,
    /// When it was sealed, by the box's clock.
    pub sealed: WallTime,
    /// Fingerprint of the key that signs.
    pub key: Fingerprint,
}

impl Statement {
    /// The one way to write it: the bytes that are signed.
    pub fn to_text(&self) -> String {
        let mut text = Writer::new(TITLE);
        text.put("camera", self.stream.camera)
            .put("stream", self.stream.kind)
            .put("source", self.source)
            .put("start", Nanos(self.start))
            .put("end", Nanos(self.end))
            .put("fragments", self.fragments)
            .put("opening", self.opening)
            .put("chain", self.chain)
            .put("ending", self.ending)
            .put("sealed", Nanos(self.sealed))
            .put("key", self.key);
        text.done()
    }

    /// Reads [`Statement::to_text`]; `None` for anything else.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut lines = Reader::new(text, TITLE)?;
        let camera = lines.get("camera")?;
        let statement = Self {
            stream: StreamKey::new(camera, lines.get("stream")?),
            source: lines.get("source")?,
            start: lines.get::<Nanos>("start")?.0,
            end: lines.get::<Nanos>("end")?.0,
            fragments: lines.get("fragments")?,
            opening: lines.get("opening")?,
            chain: lines.get("chain")?,
            ending: lines.get("ending")?,
            sealed: lines.get::<Nanos>("sealed")?.0,
            key: lines.get("key")?,
        };
        (statement.to_text().as_bytes() == text).then_some(statement)
    }

    /// The hash of the text: what the next segment names.
    pub fn id(&self) -> Digest {
        Digest::of(self.to_text().as_bytes())
    }
}

/// A text, who signed it, and the signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The bytes that were signed.
    pub text: Vec<u8>,
    /// The key that is said to have signed. Prove it or compare its fingerprint before believing it.
    pub key: PublicKey,
    /// The signature.
    pub signature: [u8; SIGNATURE_LEN],
}

impl Signed {
    /// Signs `text`.
    ///
    /// # Errors
    /// What the signer says.
    pub fn new(text: String, signer: &dyn Signer) -> Result<Self, KeyError> {
        let signature = signer.sign(text.as_bytes())?;
        Ok(Self { text: text.into_bytes(), key: signer.public_key().clone(), signature })
    }

    /// Whether the signature is that key's.
    pub fn is_sound(&self) -> bool {
        self.key.verifies(&self.text, &self.signature)
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        out.push(self.key.algorithm().code());
        out.extend_from_slice(self.key.bytes());
        out.extend_from_slice(&self.signature);
        put_counted(out, &self.text);
    }

    pub(crate) fn take(fields: &mut Fields<'_>) -> Option<Self> {
        let algorithm = SignatureAlgorithm::of_code(fields.u8()?)?;
        let key = PublicKey::new(algorithm, fields.bytes(algorithm.key_len())?)?;
        Some(Self { key, signature: fields.array()?, text: fields.counted()?.to_vec() })
    }
}

/// The last box of a sealed segment: the signed statement, and every fragment's leaf, so that an altered fragment is
/// found even when its own seal was rewritten. The leaves need no signature: they lead to the signed chain or they are
/// not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// [`Statement::to_text`], signed.
    pub signed: Signed,
    /// One per fragment.
    pub leaves: Vec<Digest>,
}

impl Head {
    /// Signs `statement`.
    ///
    /// # Errors
    /// What the signer says.
    pub fn new(statement: &Statement, leaves: Vec<Digest>, signer: &dyn Signer) -> Result<Self, KeyError> {
        Ok(Self { signed: Signed::new(statement.to_text(), signer)?, leaves })
    }

    /// The statement, if its text is one.
    pub fn statement(&self) -> Option<Statement> {
        Statement::parse(&self.signed.text)
    }

    /// The whole box. Its last four bytes say its length again, so that it is found from the end of the file.
    pub fn to_box(&self) -> Vec<u8> {
        let mut content = Vec::with_capacity(1024 + 32 * self.leaves.len());
        self.signed.put(&mut content);
        content.extend_from_slice(&u32::try_from(self.leaves.len()).unwrap_or(u32::MAX).to_be_bytes());
        self.leaves.iter().for_each(|l| content.extend_from_slice(&l.0));
        let size = crate::wire::PREFIX + content.len() + 4;
        content.extend_from_slice(&u32::try_from(size).unwrap_or(u32::MAX).to_be_bytes());
        boxed(Kind::Head, &content)
    }

    pub(crate) fn parse(content: &[u8]) -> Option<Self> {
        let mut f = Fields(content);
        let signed = Signed::take(&mut f)?;
        let count = f.u32()?;
        let head = Self { signed, leaves: f.digests(count)? };
        let size = f.u32()?;
        let whole = size as usize == crate::wire::PREFIX + content.len();
        (whole && f.0.is_empty()).then_some(head)
    }
}

/// The chain from `chain` over `leaves`.
pub fn chain_over(chain: Digest, leaves: &[Digest]) -> Digest {
    leaves.iter().fold(chain, |chain, leaf| link(&chain, leaf))
}
