//! Rows of the room's tables, in and out.

use crate::state::{Account, Session};
use crate::token::Hash;
use crate::{AccessError, Result, Role, User};
use heron_core::WallTime;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row};
use std::str::FromStr;
use uuid::Uuid;

/// Sessions of one user; the least recently used goes.
const MOST_SESSIONS: i64 = 32;

/// Users of one box.
const MOST_USERS: i64 = 256;

const USER: &str = "id, username, username_key, password, role, disabled, created_ns, last_login_ns";
const SESSION: &str = "id, user, family, refresh, refresh_expires_ns, access, access_expires_ns, created_ns, used_ns, address, agent";

fn uuid(r: &Row<'_>, column: usize) -> rusqlite::Result<Uuid> {
    Ok(Uuid::from_bytes(r.get(column)?))
}

fn parsed<T: FromStr<Err: ToString>>(r: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    r.get::<_, String>(column)?.parse().map_err(|e: T::Err| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, e.to_string().into())
    })
}

fn wall(r: &Row<'_>, column: usize) -> rusqlite::Result<WallTime> {
    Ok(WallTime::from_nanos(r.get(column)?))
}

fn account(r: &Row<'_>) -> rusqlite::Result<Account> {
    let username: String = r.get(1)?;
    let last_login: Option<i64> = r.get(7)?;
    Ok(Account {
        name: username.as_str().into(),
        key: r.get(2)?,
        password: r.get::<_, String>(3)?.into(),
        user: User {
            id: uuid(r, 0)?,
            username,
            role: parsed(r, 4)?,
            disabled: r.get(5)?,
            created: wall(r, 6)?,
            last_login: last_login.map(WallTime::from_nanos),
        },
    })
}

pub(crate) fn accounts(conn: &Connection) -> Result<Vec<Account>> {
    let sql = format!("SELECT {USER} FROM access_users ORDER BY id");
    Ok(conn.prepare_cached(&sql)?.query_map([], account)?.collect::<Result<_, _>>()?)
}

pub(crate) fn one_account(conn: &Connection, id: Uuid) -> Result<Account> {
    let sql = format!("SELECT {USER} FROM access_users WHERE id = ?1");
    conn.prepare_cached(&sql)?
        .query_row([id.as_bytes()], account)
        .optional()?
        .ok_or(AccessError::NotFound { what: "user", id })
}

/// Adds a user.
pub(crate) fn insert_account(conn: &Connection, a: &Account) -> Result<()> {
    let (count, taken): (i64, bool) = conn.query_row(
        "SELECT count(*), coalesce(max(username_key = ?1), 0) FROM access_users",
        [&a.key],
        |r| Ok((r.get(0)?, r.get(1)?)),
    )?;
    if taken {
        return Err(AccessError::Conflict {
            field: "username",
            detail: format!("there is a user {:?} already", a.user.username),
        });
    }
    if count >= MOST_USERS {
        return Err(AccessError::Conflict {
            field: "username",
            detail: format!("there are {count} users already"),
        });
    }
    conn.execute(
        &format!("INSERT INTO access_users({USER}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL)"),
        (
            a.user.id.as_bytes(),
            &a.user.username,
            &a.key,
            &*a.password,
            a.user.role.as_str(),
            a.user.disabled,
            a.user.created.as_nanos(),
        ),
    )?;
    Ok(())
}

/// Writes what may change of a user.
pub(crate) fn update_account(conn: &Connection, a: &Account) -> Result<()> {
    conn.execute(
        "UPDATE access_users SET password = ?2, role = ?3, disabled = ?4 WHERE id = ?1",
        (a.user.id.as_bytes(), &*a.password, a.user.role.as_str(), a.user.disabled),
    )?;
    Ok(())
}

/// Refuses what would leave the box without an enabled administrator; the transaction is then undone.
pub(crate) fn must_have_administrator(conn: &Connection) -> Result<()> {
    let left: i64 = conn.query_row(
        "SELECT count(*) FROM access_users WHERE role = ?1 AND NOT disabled",
        [Role::Admin.as_str()],
        |r| r.get(0),
    )?;
    if left > 0 {
        return Ok(());
    }
    Err(AccessError::Conflict {
        field: "role",
        detail: "this is the last administrator; make somebody else administrator first".to_owned(),
    })
}

fn session(r: &Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        id: uuid(r, 0)?,
        user: uuid(r, 1)?,
        family: r.get(2)?,
        refresh: r.get(3)?,
        refresh_expires: wall(r, 4)?,
        access: r.get(5)?,
        access_expires: wall(r, 6)?,
        created: wall(r, 7)?,
        used: wall(r, 8)?,
        address: parsed(r, 9)?,
        agent: r.get(10)?,
    })
}

pub(crate) fn sessions(conn: &Connection) -> Result<Vec<Session>> {
    let sql = format!("SELECT {SESSION} FROM access_sessions");
    Ok(conn.prepare_cached(&sql)?.query_map([], session)?.collect::<Result<_, _>>()?)
}

pub(crate) fn session_by_family(conn: &Connection, family: &Hash) -> Result<Option<Session>> {
    let sql = format!("SELECT {SESSION} FROM access_sessions WHERE family = ?1");
    Ok(conn.prepare_cached(&sql)?.query_row([family], session).optional()?)
}

/// Adds a session, or writes its renewal.
pub(crate) fn put_session(conn: &Connection, s: &Session) -> Result<()> {
    conn.prepare_cached(&format!(
        "INSERT INTO access_sessions({SESSION}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT(id) DO UPDATE SET refresh = excluded.refresh, refresh_expires_ns = excluded.refresh_expires_ns,
            access = excluded.access, access_expires_ns = excluded.access_expires_ns, used_ns = excluded.used_ns,
            address = excluded.address, agent = excluded.agent"
    ))?
    .execute((
        s.id.as_bytes(),
        s.user.as_bytes(),
        s.family,
        s.refresh,
        s.refresh_expires.as_nanos(),
        s.access,
        s.access_expires.as_nanos(),
        s.created.as_nanos(),
        s.used.as_nanos(),
        s.address.to_string(),
        &s.agent,
    ))?;
    Ok(())
}

/// Removes a user's least recently used sessions beyond the bound, and says which.
pub(crate) fn trim_sessions(conn: &Connection, user: Uuid) -> Result<Vec<Uuid>> {
    let mut statement = conn.prepare_cached(
        "DELETE FROM access_sessions WHERE id IN (
            SELECT id FROM access_sessions WHERE user = ?1 ORDER BY used_ns DESC, id DESC LIMIT -1 OFFSET ?2
         ) RETURNING id",
    )?;
    Ok(statement.query_map((user.as_bytes(), MOST_SESSIONS), |r| uuid(r, 0))?.collect::<Result<_, _>>()?)
}

/// Removes one session; whether it was there.
pub(crate) fn delete_session(conn: &Connection, id: Uuid) -> Result<bool> {
    Ok(conn.execute("DELETE FROM access_sessions WHERE id = ?1", [id.as_bytes()])? > 0)
}

/// Removes a user's sessions but one.
pub(crate) fn delete_sessions_of(conn: &Connection, user: Uuid, but: Option<Uuid>) -> Result<()> {
    let but = but.unwrap_or(Uuid::nil());
    conn.execute(
        "DELETE FROM access_sessions WHERE user = ?1 AND id <> ?2",
        (user.as_bytes(), but.as_bytes()),
    )?;
    Ok(())
}
