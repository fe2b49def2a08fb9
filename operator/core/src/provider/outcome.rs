//! How a pass over a provider ended.

use super::{ProviderPlan, RehearsalRequest, ValidProvider};
use crate::failure::Explained;
use crate::finding::Findings;
use crate::hold::Hold;

/// How a pass ended.
#[derive(Clone, Debug)]
pub enum ProviderOutcome<'a> {
    /// `validate` said no.
    Refused(&'a Findings),
    /// There was a plan.
    Planned {
        /// The provider as it shall be used.
        valid: &'a ValidProvider,
        /// What sso is asked.
        request: &'a RehearsalRequest,
        /// What was to be done.
        plan: &'a ProviderPlan,
    },
    /// Gather failed: nobody knows.
    Failed(&'a Explained),
}

impl ProviderOutcome<'_> {
    pub(super) fn holds(&self) -> &[Hold] {
        match self {
            Self::Planned { plan, .. } => &plan.holds,
            Self::Refused(_) | Self::Failed(_) => &[],
        }
    }
}
