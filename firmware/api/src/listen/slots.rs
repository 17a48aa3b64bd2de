//! How many connections may be open, and how many of them from one address.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

/// Connections at once. A browser holds up to six plus a WebSocket per live tile, so 512 serves some twenty busy
/// screens; at about 40 KiB a connection with TLS that is 20 MiB.
const ALL: usize = 512;
/// Of these from one address, or from one IPv6 network of 64 bits (one machine has 2^64 addresses): four busy screens behind one router. One client cannot lock the others out.
const ONE_ADDRESS: usize = 128;

/// Counts open connections.
#[derive(Clone, Debug)]
pub(super) struct Slots {
    open: Arc<Mutex<Open>>,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    by_origin: HashMap<IpAddr, usize>,
}

/// A connection's place; dropping it gives the place back.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Slots,
    origin: IpAddr,
}

/// Whom a connection is counted for: an IPv4 address, or an IPv6 network of 64 bits. IPv6's loopback stays itself: it
/// is no network.
pub(crate) fn origin_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() => {
            IpAddr::V6(Ipv6Addr::from(u128::from(v6) & !u128::from(u64::MAX)))
        }
        other => other,
    }
}

impl Slots {
    pub(super) fn new() -> Self {
        Self { open: Arc::default() }
    }

    /// A place for a connection from `address`, if there is one.
    pub(super) fn take(&self, address: IpAddr) -> Option<Slot> {
        let origin = origin_of(address);
        let mut open = self.open.lock();
        let mine = open.by_origin.get(&origin).copied().unwrap_or(0);
        // This machine's own programs share one address by nature.
        let most = if origin.is_loopback() { ALL } else { ONE_ADDRESS };
        if open.all >= ALL || mine >= most {
            return None;
        }
        open.all += 1;
        open.by_origin.insert(origin, mine + 1);
        Some(Slot { slots: self.clone(), origin })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut open = self.slots.open.lock();
        open.all -= 1;
        if let Some(mine) = open.by_origin.get_mut(&self.origin) {
            *mine -= 1;
            if *mine == 0 {
                open.by_origin.remove(&self.origin);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_cannot_take_all_places() {
        let slots = Slots::new();
        let a: IpAddr = "10.0.0.1".parse().unwrap();
        let b: IpAddr = "10.0.0.2".parse().unwrap();
        let mapped: IpAddr = "::ffff:10.0.0.1".parse().unwrap();
        let mut held: Vec<Slot> = (0..ONE_ADDRESS).map(|_| slots.take(a).unwrap()).collect();
        assert!(slots.take(a).is_none());
        assert!(slots.take(mapped).is_none(), "the same machine by another spelling");
        assert!(slots.take(b).is_some());
        held.pop();
        assert!(slots.take(a).is_some());
        drop(held);
        assert!(slots.open.lock().by_origin.is_empty());
        assert_eq!(slots.open.lock().all, 0);
    }

    #[test]
    fn one_ipv6_network_counts_as_one_address() {
        let slots = Slots::new();
        let at = |network: u128, host: u128| IpAddr::V6(Ipv6Addr::from(network << 64 | host));
        let home = 0x2001_0db8_0001_0002;
        let held: Vec<Slot> =
            (0..ONE_ADDRESS).map(|host| slots.take(at(home, host as u128)).unwrap()).collect();
        assert!(slots.take(at(home, 1 << 63)).is_none(), "another address of the same network");
        assert!(slots.take(at(home + 1, 1)).is_some());
        let own: Vec<Slot> =
            (0..=ONE_ADDRESS).map(|_| slots.take(IpAddr::V6(Ipv6Addr::LOCALHOST)).unwrap()).collect();
        drop((held, own));
        assert!(slots.open.lock().by_origin.is_empty());
    }
}
