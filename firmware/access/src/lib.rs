//! # access: who may do what
//!
//! ```text
//!  first boot ─► claim_token() ─► console, token file ─► claim(token, name, password) ─► the first administrator, exactly once
//!
//!  login(name, password, origin) ─► lock-out ─► argon2id (2 at a time) ─► session ─┬─► access token, 15 min
//!                                                                                  └─► refresh token, 30 days, rotates
//!  every request ─► authenticate(access token) ─► Principal ─► require(Right)          (memory only, microseconds)
//!  refresh(refresh token) ─► new pair; an old one again ─► the whole session is revoked
//!
//!  everything worth knowing ─► AuditSink ─► (herond wires it to) the journal
//! ```
//!
//! ## Invariants
//! 1. No default password. Until somebody proves possession of the box by its claim token, nobody can sign
//!    in; after that the token is gone. Of many claims at once one wins.
//! 2. Secrets are stored as hashes alone: passwords as argon2id (19 MiB, 2 passes: OWASP's first choice for
//!    small machines), tokens (256 random bits) as SHA-256. The claim token of an unclaimed box, which
//!    protects nothing yet, is the one exception.
//! 3. An unknown user and a wrong password get the same words after the same work.
//! 4. A guess counts before it is checked, so guessing in parallel gains nothing. What is refused while
//!    locked does not count, so a lock always ends.
//! 5. Nobody can lock an owner out for ever. Locks belong to (account, address) pairs and to addresses, never
//!    to an account: an attacker elsewhere locks only himself. An address from which the account is signed in
//!    already is exempt from the address limit, and a standing session goes on through its refresh token
//!    whatever happens to sign-ins. An attacker at the owner's own address (behind the same router, or on his
//!    machine) can make him wait, 15 minutes at a time and only while he keeps at it; he never ends the owner's
//!    session, and from any other address the owner signs in at once. A restart forgets all locks.
//! 6. [`Access::authenticate`] reads memory only, and sees a revoked session, a disabled user or a changed
//!    role at once.
//! 7. A rotated refresh token that comes again revokes its session: either it or its successor was stolen.
//!    For 10 s after the rotation it gets the same successor again instead, because two tabs of one browser
//!    ask at the same time.
//! 8. There is always an enabled administrator once the box is claimed.
//! 9. Bounded: 256 users, 32 sessions each (the least recently used goes), 4,096 addresses under watch, 2
//!    hashes at work (19 MiB each, made with the first sign-ins and kept) and 16 waiting.
//!
//! ## Audit
//! [`AuditSink`] gets an `EventDraft` for every claim, sign-in, failure, lock-out, revocation and change of a
//! user. It is called after the fact is committed and must not block. Failures beyond 30 a minute are counted
//! and reported with the next one, so that an attack does not push everything else out of the journal. A user
//! name that does not exist is never written down: people type passwords into that field.
//!
//! ## Non-goals
//! TOTP, groups, rights per camera, API tokens (each has its own issue); cookies and CSRF (`api`); trust in
//! forwarded addresses.

mod access;
mod claim;
mod error;
mod hasher;
mod limiter;
mod password;
mod rights;
mod row;
mod session;
mod sign_in;
mod state;
mod token;
mod user;
mod users;

pub use access::{Access, AccessOptions, AuditSink};
pub use error::AccessError;
pub use rights::{Right, Role};
pub use session::{Login, Origin, Principal, SessionSummary};
pub use user::{NewUser, User, UserPatch};

use heron_store::Migrations;

/// What this room returns.
pub type Result<T, E = AccessError> = std::result::Result<T, E>;

/// The room's tables, for `Store::open`.
pub const MIGRATIONS: Migrations = Migrations { room: "access", steps: &[include_str!("schema_1.sql")] };
