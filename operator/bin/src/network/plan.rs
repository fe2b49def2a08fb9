//! Plan: what may be done now; core's chain of policies over what is wanted and what was seen.

use wickr_operator_core::NetworkResources;
use wickr_operator_core::network::{self, Plan, ValidNetwork};

use super::Gathered;
use crate::context::Context;

/// What may be done now, and what is waited for.
pub fn plan(context: &Context, valid: &ValidNetwork, want: NetworkResources, gathered: &Gathered) -> Plan {
    network::plan(valid, want, &gathered.seen, context.clock.now())
}
