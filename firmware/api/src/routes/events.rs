//! What happened.

use crate::auth::Who;
use crate::extract::{Json, Path, Query};
use crate::problem::{Problem, ProblemDocument};
use crate::state::App;
use crate::wire::{Page, limit};
use axum::Json as Answer;
use axum::extract::State;
use heron_access::{Principal, Right, Role};
use heron_core::{CameraId, Event, Severity, WallTime};
use heron_journal::{Change, Entry, EventFilter, JournalError, Status};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// The kinds asked for at once are bounded, so that a query stays quick.
const MOST_KINDS: usize = 32;

/// The kinds that any account may see, by their beginnings as the rooms name them. Not among them is what happens to
/// accounts (`access.*`: who signed in or failed to, from where), nor what is said of such an event (`event.*`): both
/// are for those who manage users. A kind that is new is theirs alone too until it stands here.
const FOR_EVERYBODY: [&str; 10] = [
    "analytics",
    "archive",
    "camera",
    "recording",
    "settings",
    "site",
    "storage",
    "store",
    "system",
    "volume",
];

/// Whether an account of `role` may see events of `kind`.
pub(crate) fn may_see(role: Role, kind: &str) -> bool {
    role.may(Right::Users) || kind.split('.').next().is_some_and(|root| FOR_EVERYBODY.contains(&root))
}

/// How far an event has been dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schema(as = EventStatus)]
pub(crate) enum StatusName {
    /// Nobody has looked at it.
    New,
    /// Somebody has.
    Acknowledged,
    /// It is dealt with.
    Resolved,
    /// It was nothing.
    FalsePositive,
}

impl From<Status> for StatusName {
    fn from(status: Status) -> Self {
        match status {
            Status::New => Self::New,
            Status::Acknowledged => Self::Acknowledged,
            Status::Resolved => Self::Resolved,
            Status::FalsePositive => Self::FalsePositive,
        }
    }
}

impl From<StatusName> for Status {
    fn from(status: StatusName) -> Self {
        match status {
            StatusName::New => Self::New,
            StatusName::Acknowledged => Self::Acknowledged,
            StatusName::Resolved => Self::Resolved,
            StatusName::FalsePositive => Self::FalsePositive,
        }
    }
}

/// How much an event matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schema(as = Severity)]
pub(crate) enum SeverityName {
    /// Good to know.
    Standard,
    /// Worth a look today.
    Medium,
    /// Needs somebody soon.
    High,
    /// Needs somebody now.
    Critical,
}

/// An event.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub(crate) struct EventView {
    /// ULID: sorts by time.
    #[schema(value_type = String, example = "01JD4ZK1M8Q0V5R9N2T7W3X6YB")]
    id: ulid::Ulid,
    /// Position in the journal, from 1, without holes.
    seq: u64,
    /// Dotted: `camera.unreachable`, `recording.gap`, `volume.full`.
    kind: String,
    /// The camera it concerns.
    #[schema(value_type = Option<Uuid>)]
    camera: Option<CameraId>,
    #[schema(value_type = String, format = DateTime)]
    start: WallTime,
    /// Null while it lasts, or when it has no length.
    #[schema(value_type = Option<String>, format = DateTime)]
    end: Option<WallTime>,
    severity: SeverityName,
    /// Who did it, or the room that noticed.
    actor: String,
    /// Plain words.
    text: Option<String>,
    /// Whatever else belongs to the kind.
    #[schema(value_type = Object)]
    detail: serde_json::Value,
    status: StatusName,
    tags: Vec<String>,
    notes: Vec<NoteView>,
}

/// What somebody wrote about an event.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Note)]
pub(crate) struct NoteView {
    #[schema(value_type = String, format = DateTime)]
    time: WallTime,
    author: String,
    text: String,
}

impl From<Entry> for EventView {
    fn from(entry: Entry) -> Self {
        let mut view = Self::from(&entry.event);
        view.status = entry.status.into();
        view.tags = entry.tags;
        view.notes = entry
            .notes
            .into_iter()
            .map(|n| NoteView { time: n.time, author: n.author, text: n.text })
            .collect();
        view
    }
}

impl From<&Event> for EventView {
    /// An event of which nobody has said anything yet.
    fn from(event: &Event) -> Self {
        let draft = event.draft.clone();
        Self {
            id: event.id,
            seq: event.seq,
            kind: draft.kind,
            camera: draft.camera,
            start: draft.start,
            end: draft.end,
            severity: match draft.severity {
                Severity::Standard => SeverityName::Standard,
                Severity::Medium => SeverityName::Medium,
                Severity::High => SeverityName::High,
                Severity::Critical => SeverityName::Critical,
            },
            actor: draft.actor,
            text: draft.text,
            detail: draft.detail,
            status: StatusName::New,
            tags: Vec::new(),
            notes: Vec::new(),
        }
    }
}

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventQuery {
    /// Kinds or their beginnings (`camera` takes `camera.unreachable` too), separated by commas.
    kind: Option<String>,
    /// Only of this camera.
    camera: Option<Uuid>,
    /// Began at or after.
    #[param(value_type = Option<String>, format = DateTime)]
    start: Option<WallTime>,
    /// Began before.
    #[param(value_type = Option<String>, format = DateTime)]
    end: Option<WallTime>,
    /// Only with this status.
    status: Option<StatusName>,
    /// Only with this tag.
    tag: Option<String>,
    /// Words in the text.
    text: Option<String>,
    /// Items per page, 1 to 1000; 100 when absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Events, newest first
///
/// Those of accounts (`access.*`) only with the right `users`.
#[utoipa::path(get, path = "/api/v1/events", tag = "events", params(EventQuery), responses(
    (status = 200, body = Page<EventView>),
))]
pub(crate) async fn list(
    State(app): State<App>,
    Who(who): Who,
    Query(query): Query<EventQuery>,
) -> Result<Answer<Page<EventView>>, Problem> {
    let limit = limit(query.limit)?;
    let mut kinds: Vec<String> = query
        .kind
        .iter()
        .flat_map(|k| k.split(','))
        .map(str::trim)
        .filter(|k| !k.is_empty())
        .map(str::to_owned)
        .collect();
    if kinds.len() > MOST_KINDS {
        return Err(Problem::invalid(format!("`kind`: at most {MOST_KINDS} kinds at once.")).field("kind"));
    }
    if let (Some(start), Some(end)) = (query.start, query.end)
        && end <= start
    {
        return Err(Problem::invalid("`end` must be after `start`.").field("end"));
    }
    if !who.role.may(Right::Users) {
        let asked = !kinds.is_empty();
        kinds.retain(|kind| may_see(who.role, kind));
        if kinds.is_empty() {
            if asked {
                // To the filter, no kinds at all would mean every kind.
                return Ok(Answer(Page { items: Vec::new(), next: None }));
            }
            kinds = FOR_EVERYBODY.map(str::to_owned).into();
        }
    }
    let filter = EventFilter {
        kinds,
        camera: query.camera.map(CameraId),
        start: query.start,
        end: query.end,
        status: query.status.map(Into::into),
        tag: query.tag,
        text: query.text,
    };
    let page = app.journal.query(filter, limit, query.cursor).await?;
    Ok(Answer(Page { items: page.items.into_iter().map(Into::into).collect(), next: page.next }))
}

fn event_id(id: &str) -> Result<ulid::Ulid, Problem> {
    id.parse().map_err(|_| Problem::invalid(format!("`id`: {id:?} is not a ULID.")).field("id"))
}

/// One event
#[utoipa::path(get, path = "/api/v1/events/{id}", tag = "events", params(("id" = String, Path, description = "ULID")),
    responses((status = 200, body = EventView), (status = 404, body = ProblemDocument)))]
pub(crate) async fn get(
    State(app): State<App>,
    Who(who): Who,
    Path(id): Path<String>,
) -> Result<Answer<EventView>, Problem> {
    Ok(Answer(visible(&app, &who, event_id(&id)?).await?.into()))
}

/// The event, if there is one that `who` may see; to them any other is not there.
async fn visible(app: &App, who: &Principal, id: ulid::Ulid) -> Result<Entry, Problem> {
    let entry = app.journal.get(id).await?;
    if may_see(who.role, &entry.event.draft.kind) {
        Ok(entry)
    } else {
        Err(JournalError::NotFound(id.to_string()).into())
    }
}

/// What somebody has to say about an event; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventPatch {
    status: Option<StatusName>,
    /// All tags, replacing those there are.
    tags: Option<Vec<String>>,
    /// A note to add.
    note: Option<String>,
}

/// Say something about an event
#[utoipa::path(patch, path = "/api/v1/events/{id}", tag = "events", params(("id" = String, Path, description = "ULID")),
    request_body = EventPatch, responses((status = 200, body = EventView), (status = 404, body = ProblemDocument)))]
pub(crate) async fn update(
    State(app): State<App>,
    Who(who): Who,
    Path(id): Path<String>,
    Json(patch): Json<EventPatch>,
) -> Result<Answer<EventView>, Problem> {
    let id = event_id(&id)?;
    visible(&app, &who, id).await?;
    let change =
        Change { status: patch.status.map(Into::into), tags: patch.tags, note: patch.note, end: None };
    Ok(Answer(app.journal.change(id, change, &who.username).await?.into()))
}
