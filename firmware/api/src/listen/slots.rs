//! How many connections may be open, and how many of them from one address.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// Connections at once. A browser holds up to six plus a WebSocket per live tile, so 512 serves some twenty busy
/// screens; at about 40 KiB a connection with TLS that is 20 MiB.
const ALL: usize = 512;
/// Of these from one address: four busy screens behind one router. One client cannot lock the others out.
const ONE_ADDRESS: usize = 128;

/// Counts open connections.
#[derive(Clone, Debug)]
pub(super) struct Slots {
    open: Arc<Mutex<Open>>,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A connection's place; dropping it gives the place back.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Slots,
    address: IpAddr,
}

impl Slots {
    pub(super) fn new() -> Self {
        Self { open: Arc::default() }
    }

    /// A place for a connection from `address`, if there is one.
    pub(super) fn take(&self, address: IpAddr) -> Option<Slot> {
        let address = address.to_canonical();
        let mut open = self.open.lock();
        let mine = open.by_address.get(&address).copied().unwrap_or(0);
        // This machine's own programs share one address by nature.
        let most = if address.is_loopback() { ALL } else { ONE_ADDRESS };
        if open.all >= ALL || mine >= most {
            return None;
        }
        open.all += 1;
        open.by_address.insert(address, mine + 1);
        Some(Slot { slots: self.clone(), address })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut open = self.slots.open.lock();
        open.all -= 1;
        if let Some(mine) = open.by_address.get_mut(&self.address) {
            *mine -= 1;
            if *mine == 0 {
                open.by_address.remove(&self.address);
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
        assert!(slots.open.lock().by_address.is_empty());
        assert_eq!(slots.open.lock().all, 0);
    }
}
