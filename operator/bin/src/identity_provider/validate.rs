//! Validate: all findings about the spec and what it points at; the judgement is core's.

use wickr_operator_api::v1alpha1::IdentityProvider;
use wickr_operator_core::Findings;
use wickr_operator_core::provider::{self, ValidProvider};

use super::Gathered;

pub(super) fn validate(provider: &IdentityProvider, gathered: &Gathered) -> Result<ValidProvider, Findings> {
    provider::validate(provider, &gathered.refs)
}
