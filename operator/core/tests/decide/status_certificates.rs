//! What status says of certificates before they end.

use crate::world::{START, World, message, told};
use wickr_operator_api::v1alpha1::LocalReference;
use wickr_operator_core::network::{GivenSecret, Outcome, condition, events};
use wickr_operator_core::{EventReason, Lookup};

#[test]
fn certificates_that_end_soon_are_told_with_date_and_next_step_and_become_an_event() {
    let mut world = World::up();
    let status = world.report(None);
    assert_eq!(told(&status, condition::LASTING), "True Lasting");
    // Ten years for the root, five for the issuers, which are replaced when a third is left; in the fifth year something
    // must be done about the hub.
    world.wait(1220 * 24 * 3600);
    for _ in 0..6 {
        world.settle();
        world.wait(24 * 3600 + 60);
    }
    world.wait((5 * 365 - 170 - 1227) * 24 * 3600);
    world.settle();
    world.run();
    let status = world.report(None);
    assert_eq!(told(&status, condition::LASTING), "False KeyEnding");
    let text = message(&status, condition::LASTING);
    assert!(text.contains("Secret hq/hq-external-sender ends at 2031-01-01T00:00:00"), "{text}");
    for name in ["root ", "workload-issuer ", "document-issuer ", "device-issuer "] {
        assert!(!text.contains(name), "{text}");
    }
    assert!(text.contains("Next: "), "{text}");
    assert_eq!(told(&status, condition::READY), "True Ready", "it is a warning");
    let findings = wickr_operator_core::Findings(Vec::new());
    let told = events(Some(&status), &status, &Outcome::Refused(&findings), world.now);
    assert!(told.iter().any(|event| event.reason == EventReason::KeyEnding && event.note.contains("2031")));
}

#[test]
fn a_paused_network_whose_certificates_are_not_renewed_says_so_before_they_end() {
    let mut world = World::up();
    world.network.spec.paused = true;
    world.wait(24 * 24 * 3600);
    assert_eq!(told(&world.report(None), condition::LASTING), "True Lasting");
    world.wait(2 * 24 * 3600);
    let status = world.report(None);
    assert_eq!(told(&status, condition::LASTING), "False RenewalMissed");
    assert!(message(&status, condition::LASTING).contains("a paused network renews nothing"));
}

#[test]
fn a_given_certificate_is_told_of_three_weeks_before_its_end() {
    let mut world = World::up();
    let given = world.issuers.public_tls("chat.hq.example", START, std::time::Duration::from_hours(90 * 24));
    let data = wickr_operator_testkit::keys::data(&given, &world.issuers.workload);
    world.network.spec.exposure.tls = wickr_operator_api::v1alpha1::PublicTls {
        managed: None,
        secret_ref: Some(LocalReference { name: "chat-tls".to_owned() }),
    };
    world.refs.public_tls = Some(Lookup::Found(GivenSecret { data, network: None }));
    world.wait(68 * 24 * 3600);
    world.settle();
    assert_eq!(told(&world.report(None), condition::LASTING), "True Lasting");
    world.wait(2 * 24 * 3600);
    let status = world.report(None);
    assert_eq!(told(&status, condition::LASTING), "False CertificateEnding");
    let text = message(&status, condition::LASTING);
    assert!(
        text.contains("Secret hq/chat-tls: spec.exposure.tls.secretRef.name ends at 2026-04-02"),
        "{text}"
    );
}
