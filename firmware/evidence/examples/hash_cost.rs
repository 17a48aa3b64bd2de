//! What hashing every byte costs on this machine: fragments of 500 KB in access units of 20 KB, as the recorder hashes them,
//! each fresh from memory rather than from the cache. `cargo run --release -p heron-evidence --example hash_cost`.
#![allow(clippy::print_stdout)]

use aws_lc_rs::digest::{Context, SHA256};
use heron_evidence::{BoxKey, Digest, Signer};
use std::hint::black_box;
use std::time::Instant;

/// 256 MB: more than any cache.
const FRAGMENTS: usize = 512;
const UNITS: usize = 25;
const UNIT: usize = 20_000;
/// An hour of 4 Mbit/s.
const STREAM_HOUR: f64 = 4e6 / 8.0 * 3600.0;

fn main() {
    let fragments: Vec<Vec<Vec<u8>>> = (0..FRAGMENTS)
        .map(|f| (0..UNITS).map(|u| (0..UNIT).map(|i| (f * 31 + u * 7 + i) as u8).collect()).collect())
        .collect();
    measure("BLAKE3, slices", &fragments, |units| {
        black_box(Digest::of_slices(units.iter().map(Vec::as_slice)));
    });
    measure("BLAKE3, gathered", &fragments, |units| {
        let mut whole = Vec::with_capacity(UNITS * UNIT);
        units.iter().for_each(|u| whole.extend_from_slice(u));
        black_box(Digest::of(&whole));
    });
    measure("SHA-256", &fragments, |units| {
        let mut context = Context::new(&SHA256);
        units.iter().for_each(|u| context.update(u));
        black_box(context.finish());
    });
    let Ok(key) = BoxKey::generate() else { return };
    let begun = Instant::now();
    for _ in 0..1000 {
        let _ = black_box(key.sign(b"about four hundred bytes of statement"));
    }
    println!("Ed25519: {:.1} us a signature", begun.elapsed().as_secs_f64() * 1e3);
}

fn measure(name: &str, fragments: &[Vec<Vec<u8>>], hash: impl Fn(&[Vec<u8>])) {
    let mut best = f64::MAX;
    for _ in 0..3 {
        let begun = Instant::now();
        fragments.iter().for_each(|f| hash(f));
        best = best.min(begun.elapsed().as_secs_f64());
    }
    let rate = (FRAGMENTS * UNITS * UNIT) as f64 / best;
    println!(
        "{name}: {:.2} GB/s, {:.2} CPU seconds per stream-hour of 4 Mbit/s",
        rate / 1e9,
        STREAM_HOUR / rate
    );
}
