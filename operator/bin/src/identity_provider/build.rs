//! Build: what sso is asked to rehearse.

use wickr_operator_core::provider::{self, RehearsalRequest, ValidProvider};

pub(super) fn build(valid: &ValidProvider) -> RehearsalRequest {
    provider::build(valid)
}
