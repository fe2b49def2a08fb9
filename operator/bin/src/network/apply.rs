//! Apply: carries out a plan, in its order, Services before the document that names them; stops at the first step that
//! fails, but services get the document that there is all the same. Decides nothing.

use k8s_openapi::api::core::v1::Service;
use wickr_base::Domain;
use wickr_operator_core::network::{Applied, DocumentToSign, FinalizerChange, Plan, ValidNetwork, port_path};
use wickr_operator_core::{KindRow, Names, Put, Target as Object, labels};
use wickr_operator_kube::{Class, Failure, Key, Live, Writer};

use super::keys::Keys;
use super::{Gathered, issue, push, sign};
use crate::context::Context;
use crate::explain::ApplyError;
use crate::kinds::resource;

const SERVICE: KindRow = KindRow::of::<Service>();

/// What acts for one network.
pub(super) struct Hands<'a> {
    pub(super) context: &'a Context,
    pub(super) writer: &'a Writer,
    pub(super) live: &'a Live,
    pub(super) domain: &'a Domain,
}

impl Hands<'_> {
    fn names(&self) -> Names {
        let Key { namespace, name } = self.live.key();
        Names::new(namespace, name)
    }

    /// Creates or applies one object.
    pub(super) async fn put(&self, put: &Put) -> Result<(), ApplyError> {
        let (resource, key) = address(put.target());
        tracing::info!(network = %self.live.key(), "{put}");
        let done = match put {
            Put::Create { body, .. } => self.writer.create(&resource, &key, body).await,
            Put::Apply { body, .. } => self.writer.apply(&resource, &key, body).await,
        };
        match done {
            Ok(_) => Ok(()),
            Err(source) => match port_path(&self.names(), put.target()) {
                Some(path) if is_about_port(&source) => {
                    Err(ApplyError::Port { path, source: Box::new(source) })
                }
                Some(_) | None => Err(source.into()),
            },
        }
    }
}

/// Whether the API server refuses a node port: it is out of range, or taken.
fn is_about_port(failure: &Failure) -> bool {
    failure.class() == Class::Refused && failure.cause().contains("nodePort")
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
    put_all(hands, &plan.rotate.iter().collect::<Vec<_>>(), &mut writes).await?;
    let kept = gathered.seen.document.as_ref();
    let mut document = kept.map(|seen| seen.body.clone());
    // An address that the API server refuses must not stand in a document: nobody forgets a signed one.
    let (addresses, others): (Vec<&Put>, Vec<&Put>) =
        plan.put.iter().partition(|put| put.target().kind == SERVICE);
    let mut put = put_all(hands, &addresses, &mut writes).await;
    let moves = |wanted: &DocumentToSign| wanted.moves(kept.map(|seen| &seen.document));
    if let Some(wanted) = plan.sign.as_ref().filter(|wanted| put.is_ok() || !moves(wanted)) {
        document = Some(sign::sign(hands, &keys, wanted).await?);
        writes += 1;
    }
    if put.is_ok() {
        put = put_all(hands, &others, &mut writes).await;
    }
    // Whatever was refused: services whose document ends while an object of theirs can't be written would stop.
    let pushed = match &document {
        Some(document) => push::push(hands, &gathered.targets, document, &plan.push).await,
        None => Ok(()),
    };
    put?;
    // Only now: nothing that is still needed may go while something is missing.
    for target in &plan.prune {
        delete(hands.writer, target).await?;
        writes += 1;
    }
    pushed?;
    Ok(Applied { writes })
}

/// Puts in order; ends at the first failure.
async fn put_all(hands: &Hands<'_>, puts: &[&Put], writes: &mut usize) -> Result<(), ApplyError> {
    for put in puts {
        hands.put(put).await?;
        *writes += 1;
    }
    Ok(())
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
