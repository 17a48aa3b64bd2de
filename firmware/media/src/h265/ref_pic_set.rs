//! Short-term reference picture sets and scaling lists of an SPS: nothing in them is wanted, but the VUI behind
//! them is, and their length depends on their content.

use crate::bits::{BitReader, OutOfBits};

/// One set: differences of picture order count, negative ones (`S0`) first, then positive ones (`S1`), each from
/// near to far (§7.4.8). At most 16 of each.
#[derive(Clone, Debug, Default)]
struct ShortTermSet {
    negative: Vec<i32>,
    positive: Vec<i32>,
}

impl ShortTermSet {
    fn len(&self) -> usize {
        self.negative.len() + self.positive.len()
    }
}

/// Skips `num_short_term_ref_pic_sets` and the sets.
pub(super) fn skip_short_term_sets(r: &mut BitReader<'_>) -> Result<(), OutOfBits> {
    let count = r.ue()?;
    if count > 64 {
        return Err(OutOfBits);
    }
    let mut last = ShortTermSet::default();
    for index in 0..count {
        // Within an SPS a set is predicted from the one right before it (delta_idx_minus1 is only in slices).
        last = if index != 0 && r.flag()? { predicted(r, &last)? } else { explicit(r)? };
    }
    Ok(())
}

fn explicit(r: &mut BitReader<'_>) -> Result<ShortTermSet, OutOfBits> {
    let (negative, positive) = (r.ue()?, r.ue()?);
    if negative > 16 || positive > 16 {
        return Err(OutOfBits);
    }
    let mut list = |count: u32, sign: i32| {
        let mut poc = 0i32;
        (0..count)
            .map(|_| {
                let step = r.ue()?.min(0x7fff) as i32 + 1;
                r.skip(1)?; // used_by_curr_pic_flag
                poc += sign * step;
                Ok(poc)
            })
            .collect::<Result<Vec<_>, OutOfBits>>()
    };
    Ok(ShortTermSet { negative: list(negative, -1)?, positive: list(positive, 1)? })
}

/// Equations 7-61 and 7-62.
fn predicted(r: &mut BitReader<'_>, from: &ShortTermSet) -> Result<ShortTermSet, OutOfBits> {
    let negative = r.flag()?;
    let magnitude = r.ue()?.min(0x7fff) as i32 + 1;
    let delta = if negative { -magnitude } else { magnitude };
    let mut keep = Vec::with_capacity(from.len() + 1);
    for _ in 0..=from.len() {
        let used = r.flag()?;
        keep.push(used || r.flag()?);
    }
    let split = from.negative.len();
    // The entries of the set with their flags, and the predicted-from picture itself with the last flag.
    let minus = from.negative.iter().zip(&keep[..split]);
    let plus = from.positive.iter().zip(&keep[split..]);
    let itself = (&0, &keep[from.len()]);
    let moved = |(poc, keep): (&i32, &bool)| keep.then_some(poc + delta);
    let set = ShortTermSet {
        negative: (plus.clone().rev().chain([itself]).chain(minus.clone()))
            .filter_map(moved)
            .filter(|&p| p < 0)
            .take(16)
            .collect(),
        positive: (minus.rev().chain([itself]).chain(plus))
            .filter_map(moved)
            .filter(|&p| p > 0)
            .take(16)
            .collect(),
    };
    Ok(set)
}

/// Skips `scaling_list_data()` (§7.3.4).
pub(super) fn skip_scaling_lists(r: &mut BitReader<'_>) -> Result<(), OutOfBits> {
    for size in 0..4u32 {
        for _ in (0..6).step_by(if size == 3 { 3 } else { 1 }) {
            if !r.flag()? {
                r.ue()?; // scaling_list_pred_matrix_id_delta
                continue;
            }
            if size > 1 {
                r.se()?; // scaling_list_dc_coef_minus8
            }
            for _ in 0..64.min(1 << (4 + 2 * size)) {
                r.se()?;
            }
        }
    }
    Ok(())
}
