//! What signing in costs in memory, for good.
#![allow(clippy::unwrap_used)]

use heron_access::{Access, AccessError, AccessOptions, MIGRATIONS, Origin};
use heron_core::{Clock, SystemClock};
use heron_store::{Store, StoreOptions};
use std::net::Ipv4Addr;
use std::sync::Arc;

/// Resident memory of this process in MiB, by the kernel's count.
fn resident_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmRSS:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? / 1024)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn wrong_sign_ins_leave_two_areas_and_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("heron.db"), StoreOptions::default(), &[MIGRATIONS]).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let access =
        Access::open(store.clone(), clock, AccessOptions::default(), Arc::new(|_| {})).await.unwrap();
    let Some(before) = resident_mib() else { return println!("skipped: this system does not count") };
    let token = access.claim_token().unwrap();
    let owner = Origin { address: Ipv4Addr::LOCALHOST.into(), agent: None };
    access.claim(&token, "owner", "correct horse battery staple", owner).await.unwrap();
    for round in 0..10_u8 {
        // Together, so that many threads hash one after the other; each from its own address, so that none is told to wait.
        let tries: Vec<_> = (0..8_u8)
            .map(|i| {
                let access = access.clone();
                let address = Ipv4Addr::new(10, 0, round, i).into();
                tokio::spawn(
                    async move { access.login("nobody", "wrong", Origin { address, agent: None }).await },
                )
            })
            .collect();
        for t in tries {
            assert_eq!(t.await.unwrap().err(), Some(AccessError::WrongCredentials));
        }
    }
    let after = resident_mib().unwrap();
    println!("resident: {before} MiB before, {after} MiB after 80 wrong sign-ins");
    // Two areas of 19 MiB and room for threads' stacks.
    assert!(after < before + 60, "{before} MiB before, {after} MiB after");
    store.close().await;
}
