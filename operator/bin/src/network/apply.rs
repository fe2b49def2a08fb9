//! Apply: carries out a plan, in its order; stops at the first step that fails. Decides nothing.

use wickr_base::Domain;
use wickr_operator_core::network::{Applied, FinalizerChange, Plan, ValidNetwork};
use wickr_operator_core::{Put, Target as Object, labels};
use wickr_operator_kube::{Key, Live, Writer};

use super::keys::Keys;
use super::{Gathered, issue, push, sign};
use crate::context::Context;
use crate::explain::ApplyError;
use crate::kinds::resource;

/// What acts for one network.
pub(super) struct Hands<'a> {
    pub(super) context: &'a Context,
    pub(super) writer: &'a Writer,
    pub(super) live: &'a Live,
    pub(super) domain: &'a Domain,
}

impl Hands<'_> {
    /// Creates or applies one object.
    pub(super) async fn put(&self, put: &Put) -> Result<(), ApplyError> {
        let (resource, key) = address(put.target());
        tracing::info!(network = %self.live.key(), "{put}");
        match put {
            Put::Create { body, .. } => self.writer.create(&resource, &key, body).await?,
            Put::Apply { body, .. } => self.writer.apply(&resource, &key, body).await?,
        };
        Ok(())
    }
}

/// Carries out `plan`; gives back how much was written.
pub(super) async fn apply(
    hands: &Hands<'_>,
    valid: &ValidNetwork,
    plan: &Plan,
    gathered: &Gathered,
) -> Result<Applied, ApplyError> {
    let mut writes = 0;
    if let Some(change) = plan.finalizer {
        let present = change == FinalizerChange::Add;
        hands.writer.finalizer(hands.live, labels::REMOVE_DATA, present).await?;
        writes += 1;
    }
    let mut keys = Keys::new(&valid.names, &gathered.seen);
    for wanted in &plan.issue {
        issue::issue(hands, &mut keys, wanted).await?;
        writes += 1;
    }
    let mut document = gathered.seen.document.as_ref().map(|seen| seen.body.clone());
    if let Some(wanted) = &plan.sign {
        document = Some(sign::sign(hands, &keys, wanted).await?);
        writes += 1;
    }
    for put in &plan.put {
        hands.put(put).await?;
        writes += 1;
    }
    // Only now: nothing that is still needed may go while something is missing.
    for target in &plan.prune {
        delete(hands.writer, target).await?;
        writes += 1;
    }
    if let Some(document) = &document {
        push::push(hands, &gathered.targets, document, &plan.push).await?;
    }
    Ok(Applied { writes })
}

/// Deletes exactly what was seen.
pub(super) async fn delete(writer: &Writer, target: &Object) -> Result<(), ApplyError> {
    let (resource, key) = address(target);
    let uid = target.uid.as_deref().unwrap_or_default();
    let version = target.resource_version.as_deref().unwrap_or_default();
    Ok(writer.delete(&resource, &key, uid, version).await?)
}

fn address(target: &Object) -> (kube::core::ApiResource, Key) {
    (resource(&target.kind), Key::new(target.namespace.clone(), target.name.clone()))
}
