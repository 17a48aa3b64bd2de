//! `herond verify`: whether recordings and exports are as the box recorded them. Needs no configuration, no daemon and no
//! database, so that anybody can do it anywhere.

use crate::maintenance::print;
use anyhow::{Context, Result, bail};
use heron_core::StreamKey;
use heron_evidence::{
    FileReport, Fingerprint, PublicKey, SegmentReport, Sequence, Verdict, sequence, span, verify,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// How deep folders are looked into: a volume's recordings lie four deep.
const DEEPEST: usize = 8;
/// Files that are checked at once: a year of one stream in minutes.
const MOST_FILES: usize = 600_000;
/// A public key file has 113 bytes of Ed25519, 178 of P-256.
const MOST_KEY: u64 = 64 << 10;

/// Checks `paths` (files, or folders of them) against the public key in the file `key`, or against the key that each of them
/// names. Status 0 when all is whole.
pub(crate) fn run(paths: &[PathBuf], key: Option<&Path>) -> Result<ExitCode> {
    let trust = key.map(read_key).transpose()?;
    let mut files = BTreeSet::new();
    for path in paths {
        let meta = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
        if meta.is_dir() {
            collect(path, DEEPEST, &mut files)?;
        } else if meta.is_file() {
            files.insert(path.clone());
        } else {
            bail!("{} is neither a file nor a folder", path.display());
        }
    }
    if files.is_empty() {
        bail!("there is no .mp4 file in what was named");
    }
    let mut verdicts: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut streams: BTreeMap<StreamKey, Vec<SegmentReport>> = BTreeMap::new();
    let mut keys: Vec<Fingerprint> = Vec::new();
    let mut good = true;
    for path in &files {
        let report = match File::open(path) {
            Ok(file) => {
                let report = verify(&file, trust.as_ref());
                // Gigabytes that nobody will want again; on the box the page cache is for recording.
                let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed);
                report
            }
            Err(error) => {
                print(format_args!("{}: cannot be read: {error}", path.display()))?;
                good = false;
                continue;
            }
        };
        good &= report.verdict() == Verdict::Whole && report.unreadable.is_none();
        *verdicts.entry(report.headline()).or_default() += 1;
        keys.extend(report.segments.iter().filter_map(|s| Some(s.key.as_ref()?.fingerprint())));
        tell(path, &report)?;
        for segment in report.segments {
            if let Some(opening) = &segment.opening {
                streams.entry(opening.stream).or_default().push(segment);
            }
        }
    }
    for (stream, segments) in &streams {
        let found = sequence(segments);
        good &= found.cuts.is_empty();
        tell_sequence(*stream, segments.len(), &found)?;
    }
    keys.sort_by_key(|k| k.0);
    keys.dedup();
    if keys.len() > 1 && trust.is_none() {
        good = false;
    }
    let counts: Vec<String> = verdicts.iter().map(|(what, n)| format!("{n} {what}")).collect();
    print(format_args!("{}: {}", if good { "WHOLE" } else { "NOT WHOLE" }, counts.join(", ")))?;
    tell_keys(&keys, trust.as_ref(), good)?;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read_key(path: &Path) -> Result<PublicKey> {
    let size =
        std::fs::metadata(path).with_context(|| format!("cannot read the key {}", path.display()))?.len();
    if size > MOST_KEY {
        bail!("{} is no public key: it has {size} bytes", path.display());
    }
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read the key {}", path.display()))?;
    PublicKey::from_pem(&text).with_context(|| {
        format!("{} is no public key; get it from the box: /api/v1/system/evidence-key.pem", path.display())
    })
}

/// The MP4 files in a folder; links are not followed.
fn collect(folder: &Path, depth: usize, files: &mut BTreeSet<PathBuf>) -> Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot list {}", folder.display()))?;
        let (kind, path) = (entry.file_type()?, entry.path());
        if kind.is_dir() && depth > 0 {
            collect(&path, depth - 1, files)?;
        } else if kind.is_file() && path.extension().is_some_and(|e| e == "mp4") {
            if files.len() >= MOST_FILES {
                bail!("more than {MOST_FILES} files: check them folder by folder");
            }
            files.insert(path);
        }
    }
    Ok(())
}

fn tell(path: &Path, report: &FileReport) -> Result<()> {
    print(format_args!("{}: {}", path.display(), report.headline()))?;
    if let Some(problem) = &report.unreadable {
        print(format_args!("  could not be read to its end: {problem}"))?;
    }
    for finding in &report.findings {
        print(format_args!("  {finding}"))?;
    }
    if let Some(export) = &report.export {
        let when = span(export.start, export.end);
        print(format_args!("  export of camera {}, {when}, sealed {}", export.stream, export.sealed))?;
    }
    for segment in &report.segments {
        if let Some(opening) = &segment.opening {
            let when = match (segment.start, segment.end) {
                (Some(a), Some(b)) => span(a, b),
                _ => opening.start.to_string(),
            };
            print(format_args!("  camera {} ({}), {when}", opening.stream, opening.source))?;
        }
        print(format_args!("  {}", segment.sentence()))?;
        for finding in segment.findings.iter().filter(|f| Some(*f) != segment.first_altered()) {
            print(format_args!("    {finding}"))?;
        }
    }
    Ok(())
}

fn tell_sequence(stream: StreamKey, segments: usize, found: &Sequence) -> Result<()> {
    if segments > 1 || !found.gaps.is_empty() {
        print(format_args!("camera {stream}: {segments} segments"))?;
    }
    if let Some(before) = &found.before {
        let when = span(before.start, before.end);
        print(format_args!("  recorded before them, and not here: {when}"))?;
    }
    for gap in &found.gaps {
        let when = span(gap.start, gap.end);
        match gap.reason {
            Some(reason) => print(format_args!("  gap {when}: {reason}, as the box noted it then"))?,
            None => print(format_args!("  gap {when}: nothing was recorded, and nothing says why"))?,
        }
    }
    for (a, b) in &found.unlinked {
        let when = span(*a, *b);
        print(format_args!(
            "  not linked {when}: the recorder was interrupted, and nothing signed says that nothing was between"
        ))?;
    }
    for cut in &found.cuts {
        let when = span(cut.start, cut.end);
        let count = cut.segments.map_or(String::new(), |n| format!("{n} segments, "));
        let last = span(cut.last.0, cut.last.1);
        print(format_args!(
            "  CUT {when}: footage that the box recorded is missing ({count}the last of it {last})"
        ))?;
    }
    Ok(())
}

fn tell_keys(keys: &[Fingerprint], trust: Option<&PublicKey>, good: bool) -> Result<()> {
    if let Some(trust) = trust {
        return print(format_args!("checked with the key {}", trust.fingerprint()));
    }
    for key in keys {
        print(format_args!("sealed with the key {key}"))?;
    }
    if keys.len() > 1 {
        print(format_args!("these are several keys: check the files of each box by themselves, with --key"))?;
    } else if !keys.is_empty() && good {
        print(format_args!(
            "no --key was given: nothing was changed since this key sealed it, but whose key it is you must see yourself; compare it with the fingerprint that the box's page shows"
        ))?;
    }
    Ok(())
}
