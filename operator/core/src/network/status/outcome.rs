//! How a pass ended: what the report is told besides what gather saw.

use crate::failure::Explained;
use crate::finding::Findings;
use crate::network::{Plan, Removal, ValidNetwork};

/// How a pass ended.
#[derive(Clone, Debug)]
pub enum Outcome<'a> {
    /// `validate` said no.
    Refused(&'a Findings),
    /// There was a plan.
    Planned {
        /// The network as it shall be.
        valid: &'a ValidNetwork,
        /// What was to be done.
        plan: &'a Plan,
        /// How far it got.
        applied: Result<Applied, &'a Explained>,
    },
    /// Gather failed: nobody knows.
    Failed(&'a Explained),
    /// The network is being deleted.
    Removing {
        /// What was to be done.
        removal: &'a Removal,
        /// How far it got.
        applied: Result<Applied, &'a Explained>,
    },
}

/// A plan was carried out to its end. Only the driver's apply makes one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// How many objects were written or deleted.
    pub writes: usize,
}

impl Outcome<'_> {
    /// The effect that failed, if one did.
    pub(in crate::network) fn failure(&self) -> Option<&Explained> {
        match self {
            Self::Refused(_) => None,
            Self::Failed(explained) => Some(explained),
            Self::Planned { applied, .. } | Self::Removing { applied, .. } => applied.as_ref().err().copied(),
        }
    }

    /// What is waited for.
    pub(in crate::network) fn holds(&self) -> &[crate::hold::Hold] {
        match self {
            Self::Refused(_) | Self::Failed(_) => &[],
            Self::Planned { plan, .. } => &plan.holds,
            Self::Removing { removal, .. } => &removal.holds,
        }
    }
}
