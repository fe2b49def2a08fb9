//! Validate: all findings about the spec and what it points at; the judgement is core's.

use wickr_operator_api::v1alpha1::WickrNetwork;
use wickr_operator_core::Findings;
use wickr_operator_core::network::{self, ValidNetwork};

use super::Gathered;
use crate::context::Context;

/// The network as it shall be, or everything that is wrong with it.
pub fn validate(
    context: &Context,
    network: &WickrNetwork,
    gathered: &Gathered,
) -> Result<ValidNetwork, Findings> {
    network::validate(network, &gathered.refs, context.clock.now())
}
