//! Whether footage is as the box recorded it, and the key with which anybody can check.

use super::live::StreamName;
use super::playback::FootageQuery;
use crate::extract::{Path, Query};
use crate::problem::{Problem, ProblemDocument};
use crate::state::App;
use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderName, header};
use heron_core::{CameraId, StreamKey, WallTime};
use heron_record::EvidenceVerdict;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A verdict.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// Every picture is as it was recorded, and none is missing.
    Whole,
    /// As `whole`, but parts were never recorded.
    WholeWithGaps,
    /// In order as far as it is sealed; the newest part is still being recorded.
    NotSealedYet,
    /// Something is not as it was recorded.
    Altered,
    /// Something that was recorded is missing.
    Cut,
    /// At least a part carries no seal of this box.
    Unsigned,
}

impl From<EvidenceVerdict> for Verdict {
    fn from(verdict: EvidenceVerdict) -> Self {
        match verdict {
            EvidenceVerdict::Whole => Self::Whole,
            EvidenceVerdict::WholeWithGaps => Self::WholeWithGaps,
            EvidenceVerdict::NotSealedYet => Self::NotSealedYet,
            EvidenceVerdict::Altered => Self::Altered,
            EvidenceVerdict::Cut => Self::Cut,
            EvidenceVerdict::Unsigned => Self::Unsigned,
        }
    }
}

/// The first thing that is not as it was recorded.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FirstAltered {
    /// Number of the fragment (a second or less) in its segment, from 1.
    fragment: u32,
    /// When it was recorded, as far as anything says so.
    #[schema(value_type = Option<String>, format = DateTime)]
    time: Option<WallTime>,
}

/// One recorded file.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SegmentEvidence {
    id: i64,
    #[schema(value_type = String, format = DateTime)]
    start: WallTime,
    #[schema(value_type = String, format = DateTime)]
    end: WallTime,
    verdict: Verdict,
    text: String,
    first_altered: Option<FirstAltered>,
}

/// A stretch without footage.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GapEvidence {
    #[schema(value_type = String, format = DateTime)]
    start: WallTime,
    #[schema(value_type = String, format = DateTime)]
    end: WallTime,
    /// As in the timeline; null when nothing says why.
    reason: Option<&'static str>,
    /// Whether the box said so when it happened, under its seal.
    declared: bool,
}

/// The box's key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Key {
    /// `Ed25519` or `P-256`.
    algorithm: &'static str,
    /// SHA-256 of the public key (its SubjectPublicKeyInfo), hexadecimal.
    fingerprint: String,
}

/// The verdict on a stretch of footage.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Evidence {
    verdict: Verdict,
    text: String,
    segments: Vec<SegmentEvidence>,
    gaps: Vec<GapEvidence>,
    /// Null when this box seals nothing.
    key: Option<Key>,
}

/// Whether footage is as the box recorded it
///
/// Reads and hashes every byte of the segments that overlap the range (at most an hour), and follows the chain of seals
/// from one to the next. One check at a time.
#[utoipa::path(get, path = "/api/v1/cameras/{id}/evidence", tag = "playback", params(("id" = Uuid, Path), FootageQuery),
    responses(
    (status = 200, body = Evidence),
    (status = 400, body = ProblemDocument, description = "The range makes no sense, or is longer than an hour"),
    (status = 404, body = ProblemDocument, description = "No such camera, or nothing was recorded"),
    (status = 429, body = ProblemDocument, description = "Footage is being checked already"),
))]
pub(crate) async fn get(
    State(app): State<App>,
    Path(id): Path<Uuid>,
    Query(query): Query<FootageQuery>,
) -> Result<Answer<Evidence>, Problem> {
    let camera = app.cameras.get(CameraId(id))?.id;
    let stream: StreamName = query.stream;
    let key = StreamKey::new(camera, stream.into());
    let found = app.disk(move |rooms| rooms.playback.evidence(key, query.start, query.end)).await??;
    let segments = found.segments.into_iter().map(|s| SegmentEvidence {
        id: s.id,
        start: s.start,
        end: s.end,
        verdict: s.verdict.into(),
        text: s.text,
        first_altered: s.first_altered.map(|(fragment, time)| FirstAltered { fragment, time }),
    });
    let gaps = found.gaps.iter().map(|g| GapEvidence {
        start: g.start,
        end: g.end,
        reason: g.reason.map(|r| r.as_str()),
        declared: g.declared,
    });
    Ok(Answer(Evidence {
        verdict: found.verdict.into(),
        text: found.text,
        segments: segments.collect(),
        gaps: gaps.collect(),
        key: found
            .key
            .map(|k| Key { algorithm: k.algorithm().name(), fingerprint: k.fingerprint().to_string() }),
    }))
}

/// The public key that verifies this box's recordings
///
/// For `herond verify --key`. PEM (SubjectPublicKeyInfo), which openssl reads too.
#[utoipa::path(get, path = "/api/v1/system/evidence-key.pem", tag = "system", responses(
    (status = 200, body = String, content_type = "application/x-pem-file"),
    (status = 404, body = ProblemDocument, description = "This box has no key: its recordings are not sealed"),
))]
pub(crate) async fn key(
    State(app): State<App>,
) -> Result<([(HeaderName, &'static str); 2], String), Problem> {
    let key = app.playback.evidence_key().ok_or_else(|| {
        Problem::not_found("This box has no key for sealing recordings; its log says why.".to_owned())
    })?;
    let headers = [
        (header::CONTENT_TYPE, "application/x-pem-file"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"evidence-key.pem\""),
    ];
    Ok((headers, key.to_pem()))
}
