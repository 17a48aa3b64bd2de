//! What people change through the API goes into the journal, with their name. Accounts are the access room's own to
//! tell; here are cameras, sites and settings.

use crate::state::App;
use heron_access::Principal;
use heron_core::{CameraId, EventDraft, Severity};
use serde_json::json;

/// Notes that `who` did something. `fields` are names of what was changed, never values: they may be secret. A journal
/// that does not take it is logged, and does not undo what was done.
pub(crate) async fn note(
    app: &App,
    who: &Principal,
    kind: &'static str,
    camera: Option<CameraId>,
    text: String,
    fields: &[&'static str],
) {
    let mut draft = EventDraft::new(kind, Severity::Standard, app.clock.now(), &who.username).text(text);
    draft.camera = camera;
    if !fields.is_empty() {
        draft = draft.detail(json!({"fields": fields}));
    }
    if let Err(error) = app.journal.append(draft).await {
        tracing::error!(kind, %error, "what a person did could not be written to the journal");
    }
}
