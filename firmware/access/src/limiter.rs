//! Guessing passwords gets slower and slower, without letting anybody lock somebody else out.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

/// Wrong tries of one account from one address that cost nothing: people mistype.
const FREE_TRIES: u32 = 4;

/// The first wait; it doubles with each further try.
const FIRST_WAIT: Duration = Duration::from_secs(5);

/// The longest wait: at most 96 guesses a day at one account from one address. Ten random letters have 10^14
/// values.
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);

/// After so long without a try the account's count from that address begins again.
const FORGET_AFTER: Duration = Duration::from_secs(24 * 3600);

/// Wrong tries of one address over all accounts: 20 at once, then one every 30 s.
const ADDRESS_TRIES: u32 = 20;
const ADDRESS_REFILL: Duration = Duration::from_secs(30);

/// Pairs and addresses under watch, each. About 150 bytes a pair: 600 kB. When it is full the one that has
/// been quiet the longest is forgotten; whoever owns 4,096 networks could forget by himself.
const MOST_WATCHED: usize = 4096;

/// Where a try comes from: an IPv4 address, or an IPv6 network of 64 bits (one household has 2^64 addresses).
pub(crate) fn origin_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) & !u128::from(u64::MAX))),
        v4 => v4,
    }
}

struct Pair {
    tries: u32,
    locked_until: Duration,
    last: Duration,
}

struct Bucket {
    left: u32,
    /// When `left` was right; refills count from here.
    since: Duration,
}

#[derive(Default)]
struct Watched {
    pairs: HashMap<(String, IpAddr), Pair>,
    addresses: HashMap<IpAddr, Bucket>,
}

#[derive(Default)]
pub(crate) struct Limiter(Mutex<Watched>);

/// Not now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Locked {
    pub(crate) retry_after: Duration,
}

/// A try that has been counted as wrong until somebody says otherwise.
pub(crate) struct Try {
    account: String,
    origin: IpAddr,
    /// The address's bucket was empty already, so there is nothing to give back.
    took_none: bool,
    /// The lock that this try set.
    locked_until: Duration,
    /// If this one is wrong too, the pair is locked for so long.
    pub(crate) locks_for: Option<Duration>,
}

impl Limiter {
    /// Counts a try of `account` from `address` at `now` (monotonic) as wrong, or refuses it. `known`: the
    /// account is signed in from there already, so the address's own limit does not hold.
    pub(crate) fn begin(
        &self,
        account: &str,
        address: IpAddr,
        known: bool,
        now: Duration,
    ) -> Result<Try, Locked> {
        let origin = origin_of(address);
        let mut watched = self.0.lock();
        let Watched { pairs, addresses } = &mut *watched;
        let key = (account.to_owned(), origin);
        if let Some(pair) = pairs.get(&key)
            && now < pair.locked_until
        {
            return Err(Locked { retry_after: whole_seconds(pair.locked_until - now) });
        }
        make_room(addresses, &origin, |b| b.since);
        let bucket = addresses.entry(origin).or_insert(Bucket { left: ADDRESS_TRIES, since: now });
        bucket.refill(now);
        if bucket.left == 0 && !known {
            return Err(Locked { retry_after: whole_seconds(bucket.since + ADDRESS_REFILL - now) });
        }
        let took_none = bucket.left == 0;
        bucket.left = bucket.left.saturating_sub(1);
        make_room(pairs, &key, |p| p.last);
        let pair = pairs.entry(key).or_insert(Pair { tries: 0, locked_until: Duration::ZERO, last: now });
        if now - pair.last.min(now) > FORGET_AFTER {
            pair.tries = 0;
        }
        pair.tries += 1;
        pair.last = now;
        let locks_for = wait_after(pair.tries);
        pair.locked_until = now + locks_for.unwrap_or_default();
        let locked_until = pair.locked_until;
        Ok(Try { account: account.to_owned(), origin, took_none, locked_until, locks_for })
    }

    /// It was right: the account starts afresh from there, and the address gets its try back.
    pub(crate) fn right(&self, this: Try) {
        let mut watched = self.0.lock();
        watched.give_back(&this);
        watched.pairs.remove(&(this.account, this.origin));
    }

    /// It was never decided (something else failed): as if it had not been.
    pub(crate) fn undecided(&self, this: Try) {
        let mut watched = self.0.lock();
        watched.give_back(&this);
        if let Some(pair) = watched.pairs.get_mut(&(this.account, this.origin)) {
            pair.tries = pair.tries.saturating_sub(1);
            if pair.locked_until == this.locked_until {
                pair.locked_until = Duration::ZERO;
            }
        }
    }
}

impl Watched {
    fn give_back(&mut self, this: &Try) {
        if let Some(bucket) = self.addresses.get_mut(&this.origin).filter(|_| !this.took_none) {
            bucket.left = (bucket.left + 1).min(ADDRESS_TRIES);
        }
    }
}

impl Bucket {
    fn refill(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.since);
        let new = u32::try_from(passed.as_nanos() / ADDRESS_REFILL.as_nanos()).unwrap_or(u32::MAX);
        if self.left.saturating_add(new) >= ADDRESS_TRIES {
            *self = Self { left: ADDRESS_TRIES, since: now };
        } else {
            self.left += new;
            self.since += ADDRESS_REFILL * new;
        }
    }
}

fn wait_after(tries: u32) -> Option<Duration> {
    let doublings = tries.checked_sub(FREE_TRIES + 1)?;
    Some(FIRST_WAIT.saturating_mul(1 << doublings.min(16)).min(LONGEST_WAIT))
}

/// Rounded up, at least one.
fn whole_seconds(d: Duration) -> Duration {
    Duration::from_secs((d.as_secs() + u64::from(d.subsec_nanos() > 0)).max(1))
}

fn make_room<K: Hash + Eq + Clone, V>(map: &mut HashMap<K, V>, for_key: &K, last: impl Fn(&V) -> Duration) {
    if map.len() < MOST_WATCHED || map.contains_key(for_key) {
        return;
    }
    if let Some(quietest) = map.iter().min_by_key(|(_, v)| last(v)).map(|(k, _)| k.clone()) {
        map.remove(&quietest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(s: &str) -> IpAddr {
        s.parse().unwrap()
    }
    fn s(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn waits_double_and_end() {
        let l = Limiter::default();
        let (a, mut now) = (ip("10.0.0.9"), s(1000));
        for _ in 0..4 {
            assert_eq!(l.begin("anna", a, false, now).unwrap().locks_for, None);
        }
        for wait in [5, 10, 20, 40, 80, 160, 320, 640, 900, 900, 900] {
            let this = l.begin("anna", a, false, now).ok().unwrap();
            assert_eq!(this.locks_for, Some(s(wait)));
            // Trying while locked neither helps nor makes it longer.
            for _ in 0..50 {
                assert_eq!(l.begin("anna", a, false, now).err(), Some(Locked { retry_after: s(wait) }));
            }
            let nearly = now + s(wait) - Duration::from_millis(1500);
            assert_eq!(l.begin("anna", a, false, nearly).err(), Some(Locked { retry_after: s(2) }));
            now += s(wait);
        }
        // Elsewhere, and for others from there, nothing is locked.
        assert!(l.begin("anna", ip("10.0.0.8"), false, now).is_ok());
        assert!(l.begin("bob", a, false, now).is_ok());
        // Right: afresh.
        let this = l.begin("anna", a, false, now).ok().unwrap();
        l.right(this);
        assert_eq!(l.begin("anna", a, false, now).ok().unwrap().locks_for, None);
    }

    #[test]
    fn a_day_of_quiet_is_forgotten_and_undecided_tries_do_not_count() {
        let l = Limiter::default();
        let a = ip("10.0.0.9");
        for _ in 0..100 {
            let this = l.begin("anna", a, false, s(1)).ok().unwrap();
            l.undecided(this);
        }
        for _ in 0..4 {
            l.begin("anna", a, false, s(1)).ok().unwrap();
        }
        assert!(l.begin("anna", a, false, s(1)).ok().unwrap().locks_for.is_some());
        assert_eq!(l.begin("anna", a, false, s(2) + FORGET_AFTER).ok().unwrap().locks_for, None);
    }

    #[test]
    fn an_address_that_tries_many_accounts_is_slowed_but_the_known_are_not() {
        let l = Limiter::default();
        let a = ip("203.0.113.7");
        for i in 0..20 {
            assert!(l.begin(&format!("user{i}"), a, false, s(100)).is_ok());
        }
        assert_eq!(l.begin("one more", a, false, s(100)).err(), Some(Locked { retry_after: s(30) }));
        assert!(l.begin("owner", a, true, s(100)).is_ok());
        assert!(l.begin("one more", a, false, s(130)).is_ok());
        assert!(l.begin("one more", a, false, s(131)).is_err());
        assert!(l.begin("one more", ip("203.0.113.8"), false, s(131)).is_ok());
        // After enough quiet it has all its tries again.
        for i in 0..20 {
            assert!(l.begin(&format!("later{i}"), a, false, s(10_000)).is_ok());
        }
        assert!(l.begin("later", a, false, s(10_000)).is_err());
    }

    #[test]
    fn a_household_of_ipv6_is_one_origin_and_mapped_ipv4_is_ipv4() {
        assert_eq!(origin_of(ip("2001:db8:1:2:aaaa::1")), origin_of(ip("2001:db8:1:2:bbbb::2")));
        assert_ne!(origin_of(ip("2001:db8:1:2::1")), origin_of(ip("2001:db8:1:3::1")));
        assert_eq!(origin_of(ip("::ffff:10.0.0.9")), ip("10.0.0.9"));
    }

    #[test]
    fn memory_is_bounded() {
        let l = Limiter::default();
        for i in 0..20_000_u32 {
            l.begin("x", IpAddr::from(i.to_be_bytes()), false, s(u64::from(i))).ok().unwrap();
        }
        let w = l.0.lock();
        assert_eq!((w.pairs.len(), w.addresses.len()), (MOST_WATCHED, MOST_WATCHED));
    }
}
