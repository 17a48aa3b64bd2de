//! What is written beside the footage: the manifest and its signature, the sums, and how to check all of it.

use crate::ExportError;
use crate::footage::{Missing, PartSpan};
use crate::job::Export;
use crate::page::page;
use crate::plan::folder;
use crate::table::PartRow;
use heron_core::{CameraId, WallTime};
use heron_evidence::Signer;
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Who the box is, for the manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BoxIdentity {
    /// Its name, for people.
    pub name: String,
    /// The version of its firmware.
    pub version: String,
}

#[derive(Serialize)]
struct Manifest<'a> {
    format: &'static str,
    r#box: &'a BoxIdentity,
    /// `null` when the box has no key: nothing is signed then.
    key: Option<Key>,
    id: Uuid,
    created: WallTime,
    created_by: &'a str,
    note: Option<&'a str>,
    /// For showing times: where the cameras are.
    timezone: &'a str,
    requested: Requested,
    stream: &'static str,
    /// Whether the files hold the fragments as recorded, with their seals.
    evidence: bool,
    cameras: Vec<Camera<'a>>,
    remarks: &'a [String],
}

#[derive(Serialize)]
struct Key {
    algorithm: &'static str,
    fingerprint: String,
}

#[derive(Serialize)]
struct Requested {
    start: WallTime,
    end: WallTime,
}

#[derive(Serialize)]
struct Camera<'a> {
    id: CameraId,
    name: &'a str,
    folder: String,
    /// From the first to the last instant that is in the export; `null` when nothing is.
    recorded: Option<Requested>,
    files: Vec<File<'a>>,
    gaps: Vec<Missing>,
}

#[derive(Serialize)]
struct File<'a> {
    name: &'a str,
    bytes: u64,
    sha256: &'a str,
    start: WallTime,
    end: WallTime,
    spans: &'a [PartSpan],
    evidence: &'a serde_json::Value,
}

/// Gaps of neighbouring parts that are one.
fn joined<'a>(gaps: impl Iterator<Item = &'a Missing>) -> Vec<Missing> {
    let mut out: Vec<Missing> = Vec::new();
    for gap in gaps {
        match out.last_mut() {
            Some(last) if last.end == gap.start && last.reason == gap.reason => last.end = gap.end,
            _ => out.push(gap.clone()),
        }
    }
    out
}

/// The manifest of an export whose parts are all written. The same parts give the same bytes.
fn manifest(export: &Export, parts: &[PartRow], who: &BoxIdentity, signer: Option<&dyn Signer>) -> Vec<u8> {
    let request = &export.request;
    let cameras = request.cameras.iter().enumerate().map(|(n, camera)| {
        let own = || parts.iter().filter(move |p| p.plan.camera == n);
        let files: Vec<File<'_>> = own()
            .filter_map(|p| {
                Some(File {
                    name: &p.plan.name,
                    bytes: p.bytes,
                    sha256: p.sha256.as_deref()?,
                    start: p.plan.start,
                    end: p.plan.end,
                    spans: &p.info.spans,
                    evidence: &p.info.evidence,
                })
            })
            .collect();
        let spans = || files.iter().flat_map(|f| f.spans);
        let start = spans().map(|s| s.wall).min();
        let end = spans().map(|s| s.wall.plus_nanos(s.ms.saturating_mul(1_000_000))).max();
        Camera {
            id: camera.id,
            name: &camera.name,
            folder: folder(n, &camera.name),
            recorded: start.zip(end).map(|(start, end)| Requested { start, end }),
            gaps: joined(own().flat_map(|p| &p.info.gaps)),
            files,
        }
    });
    let manifest = Manifest {
        format: "heron-export 1",
        r#box: who,
        key: signer
            .map(|s| s.public_key())
            .map(|key| Key { algorithm: key.algorithm().name(), fingerprint: key.fingerprint().to_string() }),
        id: export.id,
        created: export.created,
        created_by: &export.created_by,
        note: request.note.as_deref(),
        timezone: &request.timezone,
        requested: Requested { start: request.start, end: request.end },
        stream: request.stream.as_str(),
        evidence: request.evidence,
        cameras: cameras.collect(),
        remarks: &export.remarks,
    };
    // Of our own types, whose keys are strings.
    let mut bytes = serde_json::to_vec_pretty(&manifest).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// The small files that end a ZIP, in order: path and bytes.
///
/// # Errors
/// [`ExportError::Sign`].
pub(crate) fn small_files(
    export: &Export,
    parts: &[PartRow],
    who: &BoxIdentity,
    signer: Option<&dyn Signer>,
) -> Result<Vec<(&'static str, Vec<u8>)>, ExportError> {
    let manifest = manifest(export, parts, who, signer);
    let mut sums = String::new();
    for part in parts {
        if let Some(sum) = &part.sha256 {
            sums.push_str(&format!("{sum}  {}\n", part.plan.name));
        }
    }
    sums.push_str(&format!("{}  manifest.json\n", hex::encode(Sha256::digest(&manifest))));
    let sums = sums.into_bytes();
    let Some(signer) = signer else {
        let page = page(&manifest, &[], "").into_bytes();
        let verify = VERIFY_UNSIGNED.as_bytes().to_vec();
        return Ok(vec![
            ("manifest.json", manifest),
            ("SHA256SUMS", sums),
            ("VERIFY.txt", verify),
            ("index.html", page),
        ]);
    };
    let (signature, sums_signature) = (signer.sign(&manifest)?.to_vec(), signer.sign(&sums)?.to_vec());
    let key = signer.public_key();
    let page = page(&manifest, &signature, &key.to_pem()).into_bytes();
    let verify = VERIFY.replace("@FINGERPRINT@", &key.fingerprint().to_string());
    Ok(vec![
        ("manifest.json", manifest),
        ("manifest.sig", signature),
        ("SHA256SUMS", sums),
        ("SHA256SUMS.sig", sums_signature),
        ("public-key.pem", key.to_pem().into_bytes()),
        ("VERIFY.txt", verify.into_bytes()),
        ("index.html", page),
    ])
}

const VERIFY: &str = include_str!("VERIFY.txt");

const VERIFY_UNSIGNED: &str = "\
The box that made this export has no key, so nothing here is signed. Whether the files arrived as they left:

    sha256sum -c SHA256SUMS

Whoever could change a file could change that list too.
";
