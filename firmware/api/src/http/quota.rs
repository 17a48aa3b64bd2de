//! So much of something at once: in all, and for each of those who ask.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// Hands out shares of an amount; `K` is whose they are. Clones share the amount.
#[derive(Debug)]
pub(crate) struct Quota<K>(Arc<Inner<K>>);

#[derive(Debug)]
struct Inner<K> {
    all: usize,
    each: usize,
    taken: Mutex<Taken<K>>,
    freed: Notify,
}

#[derive(Debug)]
struct Taken<K> {
    all: usize,
    by_key: HashMap<K, usize>,
}

/// Somebody's share; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Share<K: Copy + Eq + Hash> {
    quota: Arc<Inner<K>>,
    key: K,
    amount: usize,
}

impl<K: Copy + Eq + Hash> Quota<K> {
    /// `all` at once, `each` of these for one key.
    pub(crate) fn new(all: usize, each: usize) -> Self {
        let taken = Mutex::new(Taken { all: 0, by_key: HashMap::new() });
        Self(Arc::new(Inner { all, each, taken, freed: Notify::new() }))
    }

    /// A share of nothing, that can [grow](Share::grow).
    pub(crate) fn nothing(&self, key: K) -> Share<K> {
        Share { quota: Arc::clone(&self.0), key, amount: 0 }
    }

    /// One, if there is one.
    pub(crate) fn one(&self, key: K) -> Option<Share<K>> {
        let mut share = self.nothing(key);
        share.grow(1).then_some(share)
    }

    /// One, waiting for it for at most `time`.
    pub(crate) async fn one_within(&self, key: K, time: Duration) -> Option<Share<K>> {
        let until = Instant::now() + time;
        loop {
            // Before looking: what is given back in between is not missed.
            let freed = self.0.freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            if let Some(share) = self.one(key) {
                return Some(share);
            }
            timeout_at(until, freed).await.ok()?;
        }
    }
}

impl<K: Copy + Eq + Hash> Share<K> {
    /// Takes `more` as well; `false`, and nothing taken, when there is not so much.
    pub(crate) fn grow(&mut self, more: usize) -> bool {
        let mut taken = self.quota.taken.lock();
        let mine = taken.by_key.get(&self.key).copied().unwrap_or(0);
        let (Some(all), Some(mine)) = (taken.all.checked_add(more), mine.checked_add(more)) else {
            return false;
        };
        if all > self.quota.all || mine > self.quota.each {
            return false;
        }
        if more > 0 {
            taken.all = all;
            taken.by_key.insert(self.key, mine);
            self.amount += more;
        }
        true
    }
}

impl<K: Copy + Eq + Hash> Drop for Share<K> {
    fn drop(&mut self) {
        if self.amount == 0 {
            return;
        }
        let mut taken = self.quota.taken.lock();
        taken.all -= self.amount;
        if let Some(mine) = taken.by_key.get_mut(&self.key) {
            *mine -= self.amount;
            if *mine == 0 {
                taken.by_key.remove(&self.key);
            }
        }
        drop(taken);
        self.quota.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_gets_more_than_their_part_and_all_comes_back() {
        let quota = Quota::new(10, 6);
        let (mut a, mut b) = (quota.nothing('a'), quota.nothing('b'));
        assert!(a.grow(6) && !a.grow(1) && quota.one('a').is_none());
        assert!(!b.grow(5) && b.grow(4) && !b.grow(1), "10 in all");
        assert!(!b.grow(usize::MAX));
        drop(a);
        assert!(b.grow(2) && !b.grow(1), "6 each");
        drop(b);
        let taken = quota.0.taken.lock();
        assert!(taken.all == 0 && taken.by_key.is_empty(), "{taken:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_gets_what_is_given_back() {
        let quota = Quota::new(1, 1);
        let held = quota.one(()).unwrap();
        assert!(quota.one_within((), Duration::from_secs(2)).await.is_none());
        let (got, ()) = tokio::join!(quota.one_within((), Duration::from_secs(2)), async { drop(held) });
        assert!(got.is_some());
    }
}
