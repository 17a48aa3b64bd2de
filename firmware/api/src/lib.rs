//! # api: the box over HTTP
//!
//! REST, WebSockets, the OpenAPI document and the embedded web page. Thin: a handler reads a request, asks a room and
//! words the answer; rules live in the rooms.
//!
//! ```text
//!   listen: accept -> slots -> TLS -> HTTP/1.1, HTTP/2
//!        └─> guard      panics, security headers, counters
//!             └─> router ─> authorise  who asks, may they: the one table in rights.rs
//!                  │         └─> routes/*  extract ─> room ─> wire shape, or Problem
//!                  ├─> /docs          the document as a page
//!                  └─> web            the page of web/dist
//! ```
//!
//! ## Invariants
//! 1. Every route is in the table of rights; one that is not is refused to everybody. Only the contract's routes are
//!    open.
//! 2. Every error that leaves the box is an RFC 9457 problem document: wrong types, unknown fields, bodies too large,
//!    unknown addresses and panics included. Our own mistakes are told by an incident number, never by their words.
//! 3. The document lists exactly the routes there are: both come from the same annotations.
//! 4. A request by cookie that changes something repeats the page's token and comes from the page's own origin; so does
//!    a WebSocket. There is no CORS.
//! 5. Nothing secret is in an answer or a log line: no password, no credentials in an address, no token but to whom it
//!    was issued.
//! 6. No file is read into memory whole, and no worker of the runtime waits for a disk: what is in the page cache is copied
//!    at once, all else comes by the blocking pool; over plain HTTP/1.1 the kernel sends files itself (`listen/direct`), and
//!    what stands in for them towards hyper never leaves the box.
//! 7. One bad client cannot hold the box: connections, heads, bodies, handshakes, idling and stalled writes are bounded.
//!
//! ## Non-goals
//! Rules of any kind, sessions and passwords (`access`), media formats (`media`), serving anything to other origins,
//! standing behind a proxy.

mod audit;
mod auth;
mod docs;
mod errors;
mod extract;
mod http;
mod listen;
mod openapi;
mod problem;
mod rights;
mod router;
mod routes;
mod state;
mod web;
mod wire;

pub use http::peer::Peer;
pub use listen::tls::TlsError;
pub use listen::{HttpConfig, HttpsConfig, ServeError, Serving, serve};
pub use openapi::{openapi, openapi_json};
pub use problem::{Problem, ProblemDocument};
pub use rights::{Need, TABLE as RIGHTS};
pub use router::router;
pub use state::{ApiState, Identity};
