//! What a stream's writer goes by when not every frame is due: the gate, and the frames held meanwhile. Pure.
//!
//! It belongs to the stream and not to its writer: a writer that hangs with its disk does not take it along.

use crate::gate::{Gate, Wish};
use crate::policy::RecordPolicy;
use crate::pre_roll::{Budget, PreRoll, box_time};
use heron_core::AccessUnit;
use std::sync::Arc;

/// Gate and frames held.
#[derive(Debug)]
pub(crate) struct Lookout {
    pub(crate) gate: Gate,
    pub(crate) pre_roll: PreRoll,
}

impl Lookout {
    pub(crate) fn new(policy: RecordPolicy, budget: Arc<Budget>) -> Self {
        Self { gate: Gate::new(policy), pre_roll: PreRoll::new(budget) }
    }

    /// The frames held that are due, from the key frame that they need on, and whether they go on where the open file
    /// ends. They stay held until [`PreRoll::written`].
    pub(crate) fn due(&mut self) -> Option<(Vec<Arc<AccessUnit>>, bool)> {
        let Self { gate, pre_roll } = self;
        let mut is_due = |u: &AccessUnit| gate.wish(box_time(u)) == Wish::Record;
        if !pre_roll.begin_at(&mut is_due) {
            return None;
        }
        let mut begun = false;
        let units = pre_roll
            .units()
            .take_while(|u| {
                let due = is_due(u);
                begun |= due;
                due || !begun
            })
            .cloned()
            .collect();
        Some((units, pre_roll.joins()))
    }
}
