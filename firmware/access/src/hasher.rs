//! argon2id, a few at a time.

use crate::{AccessError, Result};
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// Hashes at work at once: 19 MiB each, on a box with 1 GB, and never more than two cores busy with sign-ins.
const AT_ONCE: usize = 2;

/// Sign-ins that may wait. A hash takes about 25 ms on a desktop and 150 ms on a small ARM core, so the last
/// of 16 waits about a second. Half of the places are kept for those who come from an address that is signed
/// in already: a flood from strangers does not keep the owner out.
const QUEUE: usize = 16;
const QUEUE_OF_STRANGERS: usize = 8;

/// Longest password that is looked at.
const MOST_BYTES: usize = 1024;

pub(crate) struct Hasher {
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// Verified against when there is no such user, so that it takes as long.
    nobody: String,
}

/// Who waits, for the queue.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    Stranger,
    Known,
}

struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Hasher {
    pub(crate) async fn new() -> Result<Self> {
        let mut hasher = Self {
            permits: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: AtomicUsize::new(0),
            nobody: String::new(),
        };
        hasher.nobody = hasher.hash(Caller::Known, "nobody has this password").await?;
        Ok(hasher)
    }

    /// Hashes a new password into a PHC string.
    pub(crate) async fn hash(&self, caller: Caller, password: &str) -> Result<String> {
        let password = owned(password);
        self.run(caller, move || {
            let hash = argon2()?.hash_password(password.as_bytes()).map_err(failed)?;
            Ok(hash.to_string())
        })
        .await
    }

    /// Whether `password` belongs to the PHC string `hash`. Without one it takes as long and is false.
    pub(crate) async fn verify(
        &self,
        caller: Caller,
        hash: Option<Arc<str>>,
        password: &str,
    ) -> Result<bool> {
        // Too long to be anybody's; the work is done all the same.
        let possible = hash.is_some() && password.len() <= MOST_BYTES;
        let hash = hash.unwrap_or_else(|| self.nobody.as_str().into());
        let password = owned(password);
        self.run(caller, move || {
            let hash = PasswordHash::new(&hash).map_err(failed)?;
            Ok(argon2()?.verify_password(password.as_bytes(), &hash).is_ok() && possible)
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        caller: Caller,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let most = if caller == Caller::Known { QUEUE } else { QUEUE_OF_STRANGERS };
        let place = Place(&self.waiting);
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= most {
            return Err(AccessError::Exhausted { retry_after: Duration::from_secs(2) });
        }
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        drop(place);
        tokio::task::spawn_blocking(move || {
            // Held by the work, not by the caller, who may stop waiting.
            let _permit = permit;
            work()
        })
        .await
        .unwrap_or_else(|e| Err(AccessError::Hashing(e.to_string())))
    }
}

fn owned(password: &str) -> Zeroizing<String> {
    let mut end = password.len().min(MOST_BYTES);
    while !password.is_char_boundary(end) {
        end -= 1;
    }
    Zeroizing::new(password[..end].to_owned())
}

fn argon2() -> Result<Argon2<'static>> {
    let params = Params::new(19 * 1024, 2, 1, None).map_err(failed)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn failed(e: impl std::fmt::Display) -> AccessError {
    AccessError::Hashing(e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn hashes_are_argon2id_salted_and_verify() {
        let h = Hasher::new().await.unwrap();
        let one = h.hash(Caller::Known, "correct horse").await.unwrap();
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        assert_ne!(one, h.hash(Caller::Known, "correct horse").await.unwrap());
        let one: Arc<str> = one.into();
        assert!(h.verify(Caller::Stranger, Some(Arc::clone(&one)), "correct horse").await.unwrap());
        assert!(!h.verify(Caller::Stranger, Some(Arc::clone(&one)), "correct horsf").await.unwrap());
        assert!(!h.verify(Caller::Stranger, None, "nobody has this password").await.unwrap());
        assert!(h.verify(Caller::Stranger, Some("not a hash".into()), "x").await.is_err());
        let long = "x".repeat(MOST_BYTES);
        let of_long: Arc<str> = h.hash(Caller::Known, &long).await.unwrap().into();
        assert!(!h.verify(Caller::Stranger, Some(of_long), &format!("{long}y")).await.unwrap());
    }

    #[tokio::test]
    async fn strangers_fill_only_half_of_the_queue() {
        let h = Arc::new(Hasher::new().await.unwrap());
        // Nothing is free, so everybody waits.
        let all = Arc::clone(&h.permits).acquire_many_owned(AT_ONCE as u32).await.unwrap();
        let ask = |caller| {
            let h = Arc::clone(&h);
            async move { h.verify(caller, None, "x").await }
        };
        let mut tasks: Vec<_> =
            (0..QUEUE_OF_STRANGERS).map(|_| tokio::spawn(ask(Caller::Stranger))).collect();
        while h.waiting.load(Ordering::Relaxed) < QUEUE_OF_STRANGERS {
            tokio::task::yield_now().await;
        }
        let refused = ask(Caller::Stranger).await.unwrap_err();
        assert_eq!(refused.retry_after(), Some(Duration::from_secs(2)));
        tasks.extend((QUEUE_OF_STRANGERS..QUEUE).map(|_| tokio::spawn(ask(Caller::Known))));
        while h.waiting.load(Ordering::Relaxed) < QUEUE {
            tokio::task::yield_now().await;
        }
        assert!(ask(Caller::Known).await.is_err());
        drop(all);
        for t in tasks {
            assert!(!t.await.unwrap().unwrap());
        }
        assert_eq!(h.waiting.load(Ordering::Relaxed), 0);
    }
}
