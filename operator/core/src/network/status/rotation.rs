//! `status.keys`: each key that is replaced while the network runs, and where that stands (`network::rotation`).

use wickr_operator_api::v1alpha1::{KeyPhase, KeyStatus};
use wickr_pki::Purpose;

use crate::condition::time;
use crate::network::rotation::{ROTATING, Stage, Wait, documents, made_at, stage};
use crate::network::{CertificateSeen, KeySlot, NetworkSeen, ValidNetwork};
use wickr_base::UnixMillis;

pub(super) fn keys(network: &ValidNetwork, seen: &NetworkSeen, now: UnixMillis) -> Vec<KeyStatus> {
    let issuers = ROTATING.into_iter().filter_map(|purpose| {
        let present = seen.certificate(KeySlot::issuer(purpose))?;
        let (phase, waits) = phase(stage(network, seen, purpose, now)?);
        Some(entry(name(purpose), present, phase, &waits))
    });
    let signer = seen.certificate(KeySlot::DocumentKey).map(|key| {
        let waits = match &seen.document {
            Some(kept) if kept.signer == key.der => documents(network, seen, kept.document.number),
            Some(_) => {
                vec![Wait { what: "the network document is not signed by it yet".to_owned(), until: None }]
            }
            None => Vec::new(),
        };
        let phase = if waits.is_empty() { KeyPhase::Steady } else { KeyPhase::Replacing };
        entry("documentKey", key, phase, &waits)
    });
    issuers.chain(signer).collect()
}

/// As `spec.keys.rotateAfter` names the issuer.
fn name(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Workload => "workloadIssuer",
        Purpose::Document => "documentIssuer",
        Purpose::Device => "deviceIssuer",
    }
}

fn phase(stage: Stage) -> (KeyPhase, Vec<Wait>) {
    match stage {
        Stage::Steady => (KeyPhase::Steady, Vec::new()),
        Stage::Due(_) => (KeyPhase::Announcing, Vec::new()),
        Stage::Announcing(waits) => (KeyPhase::Announcing, waits),
        Stage::Taken => (KeyPhase::Replacing, Vec::new()),
        Stage::Retiring(waits) if waits.iter().any(|wait| wait.until.is_none()) => {
            (KeyPhase::Replacing, waits)
        }
        Stage::Retiring(waits) => (KeyPhase::Retiring, waits),
    }
}

fn entry(key: &str, present: &CertificateSeen, phase: KeyPhase, waits: &[Wait]) -> KeyStatus {
    let whats: Vec<&str> = waits.iter().map(|wait| wait.what.as_str()).collect();
    KeyStatus {
        key: key.to_owned(),
        phase,
        made_at: time(made_at(present)),
        ends_at: time(present.not_after),
        waits_for: (!whats.is_empty()).then(|| whats.join(", ").chars().take(1000).collect()),
    }
}
