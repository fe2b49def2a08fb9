//! Build: every object as it shall be; made by core from the valid network and this operator's surroundings.

use wickr_operator_core::NetworkResources;
use wickr_operator_core::network::{self, ValidNetwork};

use crate::context::Context;

/// All objects but keys and the signed document, which are made in apply.
pub fn build(context: &Context, valid: &ValidNetwork) -> NetworkResources {
    network::build(valid, &context.env)
}
