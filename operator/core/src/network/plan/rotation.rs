//! Policy: an issuer that is due is replaced step by step, each as soon as what it needs has come about (`rotation`).

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use serde_json::json;
use wickr_base::UnixMillis;
use wickr_pki::{CertificateDer, KeyMaterial, Purpose, certificates_to_pem};

use super::{Draft, KeyToIssue};
use crate::hold::HoldReason;
use crate::network::keys::{self, CERTIFICATE, ISSUED_BY, KeyWanted, PREVIOUS, PRIVATE_KEY};
use crate::network::rotation::{ROTATING, Stage, Wait, stage};
use crate::network::{CertificateSeen, KeySlot};
use crate::put::{Put, Target};
use crate::{KindRow, labels};

const SECRET: KindRow = KindRow::of::<Secret>();

/// What a Secret holds.
type Data = BTreeMap<String, ByteString>;

pub(super) fn replace_issuers(draft: &mut Draft<'_>) {
    // Who signs must be beyond doubt before anybody is made to trust another.
    if draft.plan.holds.iter().any(|hold| hold.reason.is_about_keys()) {
        return;
    }
    for purpose in ROTATING {
        replace(draft, purpose);
    }
}

fn replace(draft: &mut Draft<'_>, purpose: Purpose) {
    let (network, seen, now) = (draft.network, draft.seen, draft.now);
    let (Some(wanted), Some(next)) =
        (keys::key(network, KeySlot::issuer(purpose)), keys::key(network, KeySlot::Next(purpose)))
    else {
        return;
    };
    if let Some(Err(why)) = seen.keys.get(&next.slot).map(|key| &key.content) {
        return spoilt(draft, &next, why.clone());
    }
    let Some(present) = seen.certificate(wanted.slot) else { return };
    let namespace = network.names.namespace.clone();
    match stage(network, seen, purpose, now) {
        None | Some(Stage::Steady) => {}
        Some(Stage::Due(because)) => {
            let issue = KeyToIssue { key: next, because, owner: None, namespace, replaces: None };
            draft.plan.issue.push(issue);
            draft.recheck_in(Duration::from_secs(1));
        }
        Some(Stage::Announcing(waits)) if waits.is_empty() => match successor(draft, &next, present) {
            Ok(data) => {
                let why = "its successor is trusted everywhere and takes its place".to_owned();
                let put = keep(draft, &wanted, &data, Some(now), why);
                draft.plan.rotate.extend(put);
                draft.recheck_in(Duration::from_secs(1));
            }
            Err(why) => spoilt(draft, &next, why),
        },
        Some(Stage::Announcing(waits)) => {
            held(
                draft,
                &wanted,
                "its successor is announced and signs as soon as everybody trusts it",
                &waits,
            );
        }
        Some(Stage::Taken) => {
            let live = seen.live.value(SECRET, &next.name);
            draft.plan.prune.extend(live.map(|live| Target::seen(SECRET, live)));
        }
        Some(Stage::Retiring(waits)) if waits.is_empty() => {
            let mut data = data(draft, &wanted.name);
            data.remove(PREVIOUS);
            let why = "nothing that its predecessor signed is in use any more".to_owned();
            let put = keep(draft, &wanted, &data, None, why);
            draft.plan.rotate.extend(put);
        }
        // For months nothing is being done: status.keys tells of it, and no condition need.
        Some(Stage::Retiring(waits))
            if purpose == Purpose::Device && waits.iter().all(|wait| wait.until.is_some()) =>
        {
            draft.recheck_in(pause(&waits, now));
        }
        Some(Stage::Retiring(waits)) => {
            held(draft, &wanted, "it signs now; its predecessor is trusted still", &waits);
        }
    }
}

/// What the issuer's Secret holds once the successor has taken it: its key, and everybody's certificate before.
fn successor(draft: &Draft<'_>, next: &KeyWanted, present: &CertificateSeen) -> Result<Data, String> {
    let mut data = data(draft, &next.name);
    let part = |key: &str| data.get(key).map(|bytes| bytes.0.as_slice()).unwrap_or_default();
    // The present key goes with this write: what takes its place must be able to sign.
    KeyMaterial::from_pem(part(CERTIFICATE), part(PRIVATE_KEY)).map_err(|error| error.to_string())?;
    let before = present.previous.iter().chain([&present.der]);
    let before: Vec<CertificateDer<'_>> = before.map(|der| CertificateDer::from(der.as_bytes())).collect();
    data.retain(|key, _| [CERTIFICATE, PRIVATE_KEY, ISSUED_BY].contains(&key.as_str()));
    data.insert(PREVIOUS.to_owned(), ByteString(certificates_to_pem(&before).into_bytes()));
    Ok(data)
}

fn data(draft: &Draft<'_>, name: &str) -> Data {
    draft.seen.live.get::<Secret>(name).and_then(|secret| secret.data).unwrap_or_default()
}

/// The write over exactly the Secret that was seen.
fn keep(
    draft: &Draft<'_>,
    wanted: &KeyWanted,
    data: &Data,
    rotated_at: Option<UnixMillis>,
    why: String,
) -> Option<Put> {
    let live = draft.seen.live.value(SECRET, &wanted.name)?;
    let mut body = json!({
        "metadata": {"labels": wanted.labels, "ownerReferences": []},
        "type": "kubernetes.io/tls",
        "data": data,
    });
    if let Some(at) = rotated_at {
        body["metadata"]["annotations"] = json!({labels::ROTATED_AT: at.to_string()});
    }
    let target = Target::seen(SECRET, live);
    Some(Put::over(SECRET, &draft.network.names.namespace, &wanted.name, body, Some(target), why))
}

fn object(draft: &Draft<'_>, key: &KeyWanted) -> String {
    format!("Secret {}/{}", draft.network.names.namespace, key.name)
}

/// Nothing depends on a successor before it signs: it may be thrown away.
fn spoilt(draft: &mut Draft<'_>, next: &KeyWanted, why: String) {
    let object = object(draft, next);
    let next = "delete the Secret: nothing was signed by it yet, and another one is made";
    draft.hold(HoldReason::KeyUnreadable, object, None, why, next);
}

fn held(draft: &mut Draft<'_>, key: &KeyWanted, state: &str, waits: &[Wait]) {
    let whats: Vec<&str> = waits.iter().map(|wait| wait.what.as_str()).collect();
    let message = format!("{state}; waited for: {}", whats.join(", "));
    let object = object(draft, key);
    draft.hold(HoldReason::KeyRotating, object, None, message, "nothing, it goes on by itself");
    draft.recheck_in(pause(waits, draft.now));
}

/// Until it is worth looking again.
fn pause(waits: &[Wait], now: UnixMillis) -> Duration {
    let soonest = waits.iter().filter_map(|wait| wait.until).min();
    let pause = soonest.map_or(Duration::from_secs(5), |at| at.since(now));
    pause.clamp(Duration::from_secs(1), Duration::from_mins(10))
}
