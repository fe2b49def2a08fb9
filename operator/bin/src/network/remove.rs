//! What is done about a network that is being deleted: core's removal, carried out. Needs no valid spec.

use wickr_operator_core::labels;
use wickr_operator_core::network::{Applied, FinalizerChange, Removal};
use wickr_operator_kube::{Live, Writer};

use super::apply::delete;
use crate::explain::ApplyError;

/// Carries it out; the finalizer goes last.
pub(super) async fn remove(writer: &Writer, live: &Live, removal: &Removal) -> Result<Applied, ApplyError> {
    for target in &removal.remove {
        delete(writer, target).await?;
    }
    if let Some(change) = removal.finalizer {
        writer.finalizer(live, labels::REMOVE_DATA, change == FinalizerChange::Add).await?;
    }
    Ok(Applied { writes: removal.remove.len() + usize::from(removal.finalizer.is_some()) })
}
