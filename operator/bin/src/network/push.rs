//! Part of apply: sends the document to the services that have an older one, all at once, pod by pod.

use http::Method;
use wickr_operator_core::network::Push;
use wickr_operator_kube::TIMEOUT;
use wickr_pki::trust::DocumentBody;

use super::apply::Hands;
use crate::explain::ApplyError;
use crate::services::{Call, Question, Target};

/// Sends; the first that fails is told, the others are tried all the same.
pub(super) async fn push(
    hands: &Hands<'_>,
    targets: &[Target],
    document: &DocumentBody,
    wanted: &[Push],
) -> Result<(), ApplyError> {
    let body = document.to_json();
    let mut first = Ok(());
    for push in wanted {
        if let Err(why) = send(hands, targets, &body, push).await {
            let error = ApplyError::Push { number: push.number, pod: push.pod.clone(), why };
            first = first.and(Err(error));
        }
    }
    first
}

async fn send(hands: &Hands<'_>, targets: &[Target], body: &[u8], push: &Push) -> Result<(), String> {
    let of_pod = |target: &&Target| target.pod == push.pod && matches!(target.question, Question::Status(_));
    let target = targets.iter().find(of_pod).ok_or("nobody knows its address")?;
    let Question::Status(id) = &target.question else { return Err("it has no admin port".to_owned()) };
    let contact = hands.context.contacts.get(&target.network).ok_or("the network's keys are not there")?;
    if !hands.context.lead.leads() {
        return Err("another operator leads".to_owned());
    }
    let call = Call {
        host: &target.host,
        port: target.port,
        name: &target.host,
        tls: contact.admin(id).map_err(|error| error.to_string())?,
        method: Method::PUT,
        path: "/document",
        body: body.to_vec(),
        within: TIMEOUT,
    };
    call.make().await.map_err(|error| error.to_string())?;
    hands.context.poller.hurry(&target.network, target);
    Ok(())
}
