//! Managing users.

use crate::access::Access;
use crate::hasher::Caller;
use crate::state::Account;
use crate::{AccessError, NewUser, Origin, Principal, Result, Right, User, UserPatch, password, row, user};
use heron_core::Severity;
use serde_json::json;
use std::sync::Arc;
use uuid::Uuid;

impl Access {
    /// Adds a user.
    ///
    /// # Errors
    /// [`AccessError::Forbidden`]; [`AccessError::Invalid`] naming `username` or `password`;
    /// [`AccessError::Conflict`] when the name is taken in any letter case.
    pub async fn create_user(&self, by: &Principal, new: NewUser) -> Result<User> {
        by.require(Right::Users)?;
        let username = user::checked_name(&new.username)?;
        password::check("password", &new.password, &username)?;
        let hash = self.0.hasher.hash(Caller::Known, &new.password).await?;
        let account = Account {
            name: username.as_str().into(),
            key: user::key_of(&username),
            password: hash.into(),
            user: User {
                id: Uuid::now_v7(),
                username,
                role: new.role,
                disabled: false,
                created: self.0.clock.now(),
                last_login: None,
            },
        };
        let inner = Arc::clone(&self.0);
        let account = self
            .0
            .store
            .write_durable_then(
                move |tx| row::insert_account(tx, &account).map(|()| account),
                move |account: &Account| {
                    inner.state.write().put_account(account.clone());
                    inner.changed();
                },
            )
            .await?;
        let user = account.user;
        let text = format!("{} added the user {} ({})", by.username, user.username, user.role);
        let detail = json!({"user": user.id, "username": user.username, "role": user.role});
        self.0.audit("access.user_created", Severity::Medium, &by.username, text, detail);
        Ok(user)
    }

    /// Changes a user; absent = unchanged. A new password or disabling ends their sessions (but the one that
    /// asks); a new role holds at once.
    ///
    /// # Errors
    /// [`AccessError::Forbidden`]; [`AccessError::NotFound`]; [`AccessError::Invalid`] naming `password`;
    /// [`AccessError::Conflict`] when no enabled administrator would be left.
    pub async fn update_user(&self, by: &Principal, id: Uuid, patch: UserPatch) -> Result<User> {
        by.require(Right::Users)?;
        let name = self.user(id)?.username;
        let hash: Option<Arc<str>> = match &patch.password {
            None => None,
            Some(new) => {
                password::check("password", new, &name)?;
                Some(self.0.hasher.hash(Caller::Known, new).await?.into())
            }
        };
        let (role, disabled, keep) = (patch.role, patch.disabled, by.session);
        let changed = json!({"role": role, "disabled": disabled, "password": hash.is_some()});
        let user = self
            .change_account(id, keep, move |account| {
                account.user.role = role.unwrap_or(account.user.role);
                account.user.disabled = disabled.unwrap_or(account.user.disabled);
                if let Some(hash) = hash {
                    account.password = hash;
                }
            })
            .await?;
        let text = format!("{} changed the user {}", by.username, user.username);
        let detail = json!({"user": user.id, "username": user.username, "changed": changed});
        self.0.audit("access.user_changed", Severity::Medium, &by.username, text, detail);
        Ok(user)
    }

    /// Changes one's own password. Ends one's other sessions.
    ///
    /// # Errors
    /// [`AccessError::Invalid`] naming `old_password` or `password`; [`AccessError::LockedOut`] after too
    /// many wrong ones.
    pub async fn change_own_password(
        &self,
        by: &Principal,
        old: &str,
        new: &str,
        origin: Origin,
    ) -> Result<()> {
        let account = self.0.state.read().account(by.user)?.clone();
        // Counted apart from sign-ins: a stolen session must not be a way to guess the password quickly.
        let (_, monotonic) = self.now();
        let this = self
            .0
            .limiter
            .begin(&format!("/own/{}", by.user), origin.address, true, monotonic)
            .map_err(|l| AccessError::LockedOut { retry_after: l.retry_after })?;
        match self.0.hasher.verify(Caller::Known, Some(Arc::clone(&account.password)), old).await {
            Ok(true) => self.0.limiter.right(this),
            Ok(false) => return Err(AccessError::invalid("old_password", "is not your password")),
            Err(e) => {
                self.0.limiter.undecided(this);
                return Err(e);
            }
        }
        password::check("password", new, &account.user.username)?;
        let hash: Arc<str> = self.0.hasher.hash(Caller::Known, new).await?.into();
        let user = self.change_account(by.user, by.session, move |account| account.password = hash).await?;
        let text = format!("{} changed their password", user.username);
        self.0.audit(
            "access.password_changed",
            Severity::Medium,
            &by.username,
            text,
            json!({"user": user.id}),
        );
        Ok(())
    }

    /// Applies a change to the row as it is then, and ends the sessions that it ends.
    async fn change_account(
        &self,
        id: Uuid,
        keep: Uuid,
        change: impl FnOnce(&mut Account) + Send + 'static,
    ) -> Result<User> {
        let inner = Arc::clone(&self.0);
        let (account, _) = self
            .0
            .store
            .write_durable_then(
                move |tx| {
                    let before = row::one_account(tx, id)?;
                    let mut account = before.clone();
                    change(&mut account);
                    row::update_account(tx, &account)?;
                    row::must_have_administrator(tx)?;
                    let ends = match (account.user.disabled, account.password != before.password) {
                        (true, _) => Some(None),
                        (false, true) => Some(Some(keep)),
                        (false, false) => None,
                    };
                    if let Some(but) = ends {
                        row::delete_sessions_of(tx, id, but)?;
                    }
                    Ok::<_, AccessError>((account, ends))
                },
                move |(account, ends): &(Account, Option<Option<Uuid>>)| {
                    let mut state = inner.state.write();
                    state.put_account(account.clone());
                    if let Some(but) = ends {
                        state.remove_sessions_of(id, *but);
                    }
                    drop(state);
                    inner.changed();
                },
            )
            .await?;
        Ok(account.user)
    }

    /// Removes a user and ends their sessions.
    ///
    /// # Errors
    /// [`AccessError::Forbidden`]; [`AccessError::NotFound`]; [`AccessError::Conflict`] for the last enabled
    /// administrator.
    pub async fn delete_user(&self, by: &Principal, id: Uuid) -> Result<()> {
        by.require(Right::Users)?;
        let inner = Arc::clone(&self.0);
        let user = self
            .0
            .store
            .write_durable_then(
                move |tx| {
                    let account = row::one_account(tx, id)?;
                    tx.execute("DELETE FROM access_users WHERE id = ?1", [id.as_bytes()])?;
                    row::must_have_administrator(tx)?;
                    Ok::<_, AccessError>(account.user)
                },
                move |_: &User| {
                    inner.state.write().remove_account(id);
                    inner.changed();
                },
            )
            .await?;
        let text = format!("{} removed the user {}", by.username, user.username);
        let detail = json!({"user": user.id, "username": user.username});
        self.0.audit("access.user_deleted", Severity::Medium, &by.username, text, detail);
        Ok(())
    }
}
