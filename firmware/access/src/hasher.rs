//! argon2id, a few at a time.

use crate::{AccessError, Result};
use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// Hashes at work at once: 19 MiB each, on a box with 1 GB, and never more than two cores busy with sign-ins.
const AT_ONCE: usize = 2;

/// What one hash costs (OWASP's argon2id of 19 MiB, two passes, one lane).
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;

/// Sign-ins that may wait. A hash takes about 25 ms on a desktop and 150 ms on a small ARM core, so the last
/// of 16 waits about a second. Half of the places are kept for those who come from an address that is signed
/// in already: a flood from strangers does not keep the owner out.
const QUEUE: usize = 16;
const QUEUE_OF_STRANGERS: usize = 8;

/// Longest password that is looked at.
const MOST_BYTES: usize = 1024;

pub(crate) struct Hasher {
    permits: Arc<Semaphore>,
    areas: Arc<Areas>,
    waiting: AtomicUsize,
    /// Verified against when there is no such user, so that it takes as long. Nobody's password: it is made of
    /// random bytes, not by hashing something.
    nobody: Arc<str>,
}

/// The memory that hashing works in. An area is made when all that there are are in use, so there are never more
/// than [`AT_ONCE`] (38 MiB), and kept: memory of that size that is given back and taken anew by whichever thread
/// has the work ends up in the allocator's arena of each such thread, 19 MiB for every one that ever hashed.
#[derive(Default)]
struct Areas(Mutex<Vec<Vec<Block>>>);

/// An area while a hash has it. Zeroed when it goes back: what it holds was derived from a password.
struct Area<'a> {
    blocks: Vec<Block>,
    of: &'a Areas,
}

impl Areas {
    fn take(&self) -> Area<'_> {
        let kept = self.0.lock().pop();
        let blocks = kept.unwrap_or_else(|| vec![Block::new(); MEMORY_KIB as usize]);
        Area { blocks, of: self }
    }
}

impl Drop for Area<'_> {
    fn drop(&mut self) {
        let mut blocks = std::mem::take(&mut self.blocks);
        blocks.fill(Block::new());
        self.of.0.lock().push(blocks);
    }
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
    pub(crate) fn new() -> Result<Self> {
        let nobody = phc(&random::<SALT_BYTES>()?, &random::<HASH_BYTES>()?)?;
        Ok(Self {
            permits: Arc::new(Semaphore::new(AT_ONCE)),
            areas: Arc::default(),
            waiting: AtomicUsize::new(0),
            nobody: nobody.into(),
        })
    }

    /// Hashes a new password into a PHC string.
    pub(crate) async fn hash(&self, caller: Caller, password: &str) -> Result<String> {
        let password = owned(password);
        let salt = random::<SALT_BYTES>()?;
        self.run(caller, move |area| {
            let mut hash = Zeroizing::new([0; HASH_BYTES]);
            Argon2::new(Algorithm::Argon2id, Version::V0x13, params()?)
                .hash_password_into_with_memory(password.as_bytes(), &salt, &mut hash[..], area)
                .map_err(failed)?;
            phc(&salt, &hash[..])
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
        let hash = hash.unwrap_or_else(|| Arc::clone(&self.nobody));
        let password = owned(password);
        self.run(caller, move |area| Ok(matches(&hash, &password, area)? && possible)).await
    }

    async fn run<T: Send + 'static>(
        &self,
        caller: Caller,
        work: impl FnOnce(&mut [Block]) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let most = if caller == Caller::Known { QUEUE } else { QUEUE_OF_STRANGERS };
        let place = Place(&self.waiting);
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= most {
            return Err(AccessError::Exhausted { retry_after: Duration::from_secs(2) });
        }
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        drop(place);
        let areas = Arc::clone(&self.areas);
        tokio::task::spawn_blocking(move || {
            // Held by the work, not by the caller, who may stop waiting; given back after the area.
            let _permit = permit;
            work(&mut areas.take().blocks)
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

fn params() -> Result<Params> {
    Params::new(MEMORY_KIB, PASSES, LANES, Some(HASH_BYTES)).map_err(failed)
}

/// The PHC string of `hash`, made with [`params`] and `salt`.
fn phc(salt: &[u8], hash: &[u8]) -> Result<String> {
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params()?).map_err(failed)?,
        salt: Some(Salt::new(salt).map_err(failed)?),
        hash: Some(Output::new(hash).map_err(failed)?),
    };
    Ok(hash.to_string())
}

/// Whether `password` makes the PHC string `stored`, by the costs that stand in it. One that asks for more memory
/// than an area has is refused: this box has made none.
fn matches(stored: &str, password: &str, area: &mut [Block]) -> Result<bool> {
    let stored = PasswordHash::new(stored).map_err(failed)?;
    let (Some(salt), Some(hash)) = (&stored.salt, &stored.hash) else {
        return Err(failed("the stored password hash has no salt or no hash"));
    };
    let algorithm = Algorithm::try_from(stored.algorithm.as_str()).map_err(failed)?;
    let version = stored.version.map_or(Ok(Version::V0x13), Version::try_from).map_err(failed)?;
    let params = Params::try_from(&stored).map_err(failed)?;
    let mut found = Zeroizing::new([0; Output::MAX_LENGTH]);
    let found = &mut found[..hash.len()];
    Argon2::new(algorithm, version, params)
        .hash_password_into_with_memory(password.as_bytes(), salt, found, area)
        .map_err(failed)?;
    Ok(found.ct_eq(hash.as_bytes()).into())
}

fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| failed("the system gave no random bytes"))?;
    Ok(bytes)
}

fn failed(e: impl std::fmt::Display) -> AccessError {
    AccessError::Hashing(e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn hashes_are_argon2id_salted_and_verify() {
        let h = Hasher::new().unwrap();
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
    async fn a_hash_made_by_the_library_alone_verifies_by_its_own_costs() {
        use argon2::password_hash::PasswordHasher;
        let h = Hasher::new().unwrap();
        for (memory, passes) in [(MEMORY_KIB, PASSES), (64, 3)] {
            let params = Params::new(memory, passes, 1, None).unwrap();
            let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            let stored: Arc<str> = argon2.hash_password(b"correct horse").unwrap().to_string().into();
            assert!(h.verify(Caller::Known, Some(Arc::clone(&stored)), "correct horse").await.unwrap());
            assert!(!h.verify(Caller::Known, Some(stored), "correct horsf").await.unwrap());
        }
        let greedy = phc(&[1; SALT_BYTES], &[2; HASH_BYTES]).unwrap().replace("m=19456", "m=19460");
        assert!(h.verify(Caller::Known, Some(greedy.into()), "x").await.is_err());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn however_many_sign_in_there_are_two_areas_and_nothing_stays_in_them() {
        let h = Arc::new(Hasher::new().unwrap());
        assert!(h.areas.0.lock().is_empty(), "none before the first sign-in");
        let tasks: Vec<_> = (0..QUEUE)
            .map(|_| {
                let h = Arc::clone(&h);
                tokio::spawn(async move { h.verify(Caller::Known, None, "x").await })
            })
            .collect();
        for t in tasks {
            assert!(!t.await.unwrap().unwrap());
        }
        let _all = h.permits.acquire_many(AT_ONCE as u32).await.unwrap();
        let areas = h.areas.0.lock();
        assert!((1..=AT_ONCE).contains(&areas.len()), "{} areas", areas.len());
        for area in areas.iter() {
            assert_eq!(area.len(), MEMORY_KIB as usize);
            assert!(area.iter().all(|block| block.as_ref().iter().all(|word| *word == 0)));
        }
    }

    #[tokio::test]
    async fn strangers_fill_only_half_of_the_queue() {
        let h = Arc::new(Hasher::new().unwrap());
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
