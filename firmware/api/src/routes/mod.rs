//! The routes, one file per resource. A handler reads the request, asks a room, and words the answer.

pub(crate) mod advice;
pub(crate) mod archive;
pub(crate) mod auth;
pub(crate) mod camera_status;
pub(crate) mod cameras;
pub(crate) mod events;
pub(crate) mod evidence;
pub(crate) mod exports;
pub(crate) mod health;
pub(crate) mod live;
pub(crate) mod locks;
pub(crate) mod metrics;
pub(crate) mod plan;
pub(crate) mod playback;
pub(crate) mod probe;
pub(crate) mod recording;
pub(crate) mod settings;
pub(crate) mod setup;
pub(crate) mod sites;
pub(crate) mod storage;
pub(crate) mod system;
pub(crate) mod timeline;
pub(crate) mod users;
pub(crate) mod video;
pub(crate) mod ws;
