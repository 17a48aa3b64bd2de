//! Subframes with fixed predictors and Rice-coded residuals (RFC 9639 §9.2).

use super::bits::BitWriter;

/// Largest parameter of coding method 0; 15 is the escape code, which is never needed for 16-bit sound.
const MAX_PARAMETER: u32 = 14;
/// Partitions tried: up to 2³. Blocks of a packet have some hundred samples, more would not pay.
const MAX_PARTITION_ORDER: u32 = 3;

/// How a block of residuals is to be written, and how many bits that takes.
struct Plan {
    order: usize,
    partition_order: u32,
    parameters: [u32; 1 << MAX_PARTITION_ORDER],
    bits: u64,
}

/// Writes one channel's samples. `samples` is used as scratch space.
pub(super) fn subframe(out: &mut BitWriter<'_>, samples: &mut [i32]) {
    let Some(first) = samples.first().copied() else { return };
    if samples.iter().all(|s| *s == first) {
        out.put(0x00, 8);
        out.put(first as u32, 16);
        return;
    }
    // G.711 leaves the lowest two or three bits empty.
    let wasted = samples.iter().fold(0, |all, s| all | s).trailing_zeros().min(15);
    samples.iter_mut().for_each(|s| *s >>= wasted);
    let depth = 16 - wasted;
    let plan = best(samples, depth);
    let verbatim = samples.len() as u64 * u64::from(depth);
    let header = |out: &mut BitWriter<'_>, kind: u32| {
        out.put(kind << 1 | u32::from(wasted > 0), 8);
        if wasted > 0 {
            out.unary(wasted - 1);
        }
    };
    match plan {
        Some(plan) if plan.bits < verbatim => {
            header(out, 0x08 | plan.order as u32);
            samples[..plan.order].iter().for_each(|s| out.put(*s as u32, depth));
            residuals(out, samples, &plan);
        }
        _ => {
            header(out, 0x01);
            samples.iter().for_each(|s| out.put(*s as u32, depth));
        }
    }
}

/// The residual of a fixed predictor at `n >= order` (§9.2.5), folded to unsigned (§9.2.7).
fn residual(s: &[i32], order: usize, n: usize) -> u32 {
    let r = match order {
        0 => s[n],
        1 => s[n] - s[n - 1],
        2 => s[n] - 2 * s[n - 1] + s[n - 2],
        3 => s[n] - 3 * s[n - 1] + 3 * s[n - 2] - s[n - 3],
        _ => s[n] - 4 * s[n - 1] + 6 * s[n - 2] - 4 * s[n - 3] + s[n - 4],
    };
    ((r << 1) ^ (r >> 31)) as u32
}

/// The predictor that leaves least, and for it the best partition: near enough to trying everything, at a quarter of the cost.
fn best(samples: &[i32], depth: u32) -> Option<Plan> {
    let orders = 0..=4.min(samples.len().saturating_sub(1));
    let left = |order: usize| -> u64 {
        (order..samples.len()).map(|n| u64::from(residual(samples, order, n))).sum()
    };
    let order = orders.min_by_key(|order| left(*order))?;
    (0..=MAX_PARTITION_ORDER).filter_map(|p| plan(samples, depth, order, p)).min_by_key(|plan| plan.bits)
}

fn plan(samples: &[i32], depth: u32, order: usize, partition_order: u32) -> Option<Plan> {
    let partitions = 1usize << partition_order;
    let size = samples.len() / partitions;
    if !samples.len().is_multiple_of(partitions) || size <= order {
        return None;
    }
    let mut parameters = [0; 1 << MAX_PARTITION_ORDER];
    let mut bits = order as u64 * u64::from(depth) + 6;
    for (k, parameter) in parameters.iter_mut().enumerate().take(partitions) {
        let range = (k * size).max(order)..(k + 1) * size;
        let cost = |p: u32| -> u64 {
            range.clone().map(|n| u64::from((residual(samples, order, n) >> p) + 1 + p)).sum()
        };
        // Start at the mean's logarithm and walk downhill: the cost has one valley.
        let sum: u64 = range.clone().map(|n| u64::from(residual(samples, order, n))).sum();
        let mean = sum / range.len() as u64;
        let mut p = (mean + 1).ilog2().min(MAX_PARAMETER);
        let mut least = cost(p);
        while p > 0 && cost(p - 1) < least {
            p -= 1;
            least = cost(p);
        }
        while p < MAX_PARAMETER && cost(p + 1) < least {
            p += 1;
            least = cost(p);
        }
        *parameter = p;
        bits += 4 + least;
    }
    Some(Plan { order, partition_order, parameters, bits })
}

fn residuals(out: &mut BitWriter<'_>, samples: &[i32], plan: &Plan) {
    out.put(0, 2);
    out.put(plan.partition_order, 4);
    let partitions = 1usize << plan.partition_order;
    let size = samples.len() / partitions;
    for (k, p) in plan.parameters.iter().copied().enumerate().take(partitions) {
        out.put(p, 4);
        for n in (k * size).max(plan.order)..(k + 1) * size {
            let r = residual(samples, plan.order, n);
            out.unary(r >> p);
            if p > 0 {
                out.put(r, p);
            }
        }
    }
}
