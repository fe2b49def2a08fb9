//! A provider's life: refused, rehearsed, live, changed, failed, kept (what a rehearsal tells: `rehearsal`).

mod rehearsal;
mod tokens;

use std::time::Duration;

use crate::world::START;
use wickr_base::{Secret, UnixMillis};
use wickr_operator_api::v1alpha1::{IdentityProvider, IdentityProviderStatus};
use wickr_operator_core::provider::{
    self, ProviderOutcome, ProviderPlan, ProviderRefs, ProviderSeen, Referenced, Rehearsal, condition,
    events, reaches,
};
use wickr_operator_core::{
    CertificatesAnswer, Check, EventReason, Explained, FailureClass, HoldReason, Lookup, Poll,
    ProviderAnswer, ProviderInUse, RehearsalAnswer, RehearsalCheck, SsoAnswer, find_condition,
};
use wickr_operator_testkit::objects::{demo_network, demo_provider};

struct World {
    provider: IdentityProvider,
    refs: ProviderRefs,
    seen: ProviderSeen,
    now: UnixMillis,
}

fn referenced(version: &str, value: &str) -> Lookup<Referenced> {
    let value = Some(Secret::new(value.to_owned()));
    Lookup::Found(Referenced { version: version.to_owned(), network: None, value })
}

fn bundle() -> String {
    wickr_operator_testkit::keys::Issuers::new("idp.example", START).root.certificate_pem()
}

impl World {
    fn new() -> Self {
        Self {
            provider: demo_provider(),
            refs: ProviderRefs {
                network: Lookup::Found(demo_network()),
                client_secret: referenced("s/1", "s3cret"),
                ca_bundle: Some(referenced("c/1", &bundle())),
            },
            seen: ProviderSeen {
                sso: Poll::Answered { at: START, answer: sso(None, START) },
                ..ProviderSeen::default()
            },
            now: START,
        }
    }

    fn generation(&self) -> String {
        let valid = provider::validate(&self.provider, &self.refs).unwrap();
        provider::build(&valid).generation
    }

    fn plan(&self) -> ProviderPlan {
        let valid = provider::validate(&self.provider, &self.refs).unwrap();
        let last = self.provider.status.as_ref().and_then(|status| status.last_rehearsal.as_ref());
        provider::plan(&valid, &provider::build(&valid), &self.seen, last, self.now)
    }

    fn report(&mut self) -> IdentityProviderStatus {
        let status = match provider::validate(&self.provider, &self.refs) {
            Err(findings) => {
                let outcome = ProviderOutcome::Refused(&findings);
                provider::report(&self.provider, Some(&self.seen), &outcome, self.now)
            }
            Ok(valid) => {
                let request = provider::build(&valid);
                let plan = self.plan();
                let outcome = ProviderOutcome::Planned { valid: &valid, request: &request, plan: &plan };
                provider::report(&self.provider, Some(&self.seen), &outcome, self.now)
            }
        };
        self.provider.status = Some(status.clone());
        status
    }

    /// sso has rehearsed the settings as they are now.
    fn rehearsed(&mut self, failing: Option<&str>) {
        let names =
            ["Discovery", "IssuerMatch", "Keys", "Algorithms", "ClockSkew", "Certificates", "DeviceGrant"];
        let upto =
            failing.map_or(names.len(), |name| names.iter().position(|found| found == &name).unwrap() + 1);
        let check = |(at, name): (usize, &&str)| RehearsalCheck {
            name: (*name).to_owned(),
            ok: failing != Some(name) && at < upto,
            tried: at < upto,
            detail: if at < upto {
                format!("{name} looked at")
            } else {
                "not tried: it is no use".to_owned()
            },
        };
        let checks = names.iter().enumerate().map(check).collect();
        let answer = RehearsalAnswer { passed: failing.is_none(), adopted: failing.is_none(), checks };
        self.seen.rehearsal = Rehearsal::Done { generation: self.generation(), at: self.now, answer };
    }

    fn in_use(&mut self, generation: &str) {
        self.seen.sso = Poll::Answered { at: self.now, answer: sso(Some(generation), self.now) };
    }

    fn live() -> Self {
        let mut world = Self::new();
        world.rehearsed(None);
        let generation = world.generation();
        world.in_use(&generation);
        world.report();
        world
    }
}

fn sso(generation: Option<&str>, now: UnixMillis) -> SsoAnswer {
    let fine = Check { ok: true, at: Some(now), ..Check::default() };
    SsoAnswer {
        document: 1,
        store: Some(fine.clone()),
        provider: ProviderAnswer {
            active: generation.map(|generation| ProviderInUse {
                issuer: "https://sso.hq.example:8443/realms/hq".to_owned(),
                client_id: "wickr".to_owned(),
                generation: generation.to_owned(),
                since: Some(START),
            }),
            discovery: Some(fine.clone()),
            keys: Some(fine.clone()),
            ..ProviderAnswer::default()
        },
        certificate: fine,
        users: Some(0),
        disk: None,
        device_issuer: None,
        certificates: CertificatesAnswer::default(),
    }
}

fn told(status: &IdentityProviderStatus, type_: &str) -> String {
    let condition = find_condition(&status.conditions, type_).expect("the condition");
    format!("{} {}", condition.status, condition.reason)
}

fn message(status: &IdentityProviderStatus, type_: &str) -> String {
    find_condition(&status.conditions, type_).expect("the condition").message.clone()
}

fn reasons(plan: &ProviderPlan) -> Vec<HoldReason> {
    plan.holds.iter().map(|hold| hold.reason).collect()
}

#[test]
fn a_new_provider_is_rehearsed_and_goes_live() {
    let mut world = World::new();
    let request = world.plan().rehearse.expect("nothing is in use yet");
    assert!(request.adopt);
    assert_eq!(told(&world.report(), condition::READY), "False NoneInUse");
    assert_eq!(told(&world.report(), condition::DISCOVERED), "Unknown NotRehearsed");
    let live = World::live();
    assert!(live.plan().rehearse.is_none() && live.plan().holds.is_empty());
    let status = live.provider.status.unwrap();
    insta::assert_yaml_snapshot!("live", status);
}

#[test]
fn a_second_pass_says_nothing_new() {
    let mut world = World::live();
    let before = world.provider.status.clone().unwrap();
    assert_eq!(world.report(), before);
    assert!(events_of(&before, &before, world.now).is_empty());
}

fn events_of(
    before: &IdentityProviderStatus,
    after: &IdentityProviderStatus,
    now: UnixMillis,
) -> Vec<EventReason> {
    let findings = wickr_operator_core::Explained {
        class: wickr_operator_core::FailureClass::Transient,
        attempted: String::new(),
        message: String::new(),
        next: String::new(),
        attempts: 1,
    };
    let events = events(Some(before), after, &ProviderOutcome::Failed(&findings), now);
    events.into_iter().map(|event| event.reason).collect()
}

#[test]
fn a_change_that_fails_its_rehearsal_leaves_the_last_good_one_in_service_and_says_which_check_failed() {
    let mut world = World::live();
    let good = world.generation();
    let before = world.provider.status.clone().unwrap();
    world.provider.spec.issuer = "https://wrong.hq.example/realms/hq".to_owned();
    assert!(world.plan().rehearse.is_some());
    world.rehearsed(Some("Discovery"));
    world.in_use(&good);
    let status = world.report();
    assert_eq!(told(&status, condition::DISCOVERED), "False Failed");
    assert_eq!(told(&status, condition::KEYS), "Unknown NotTried");
    assert_eq!(told(&status, condition::ACTIVE), "True LastGoodInUse");
    assert_eq!(told(&status, condition::READY), "False DiscoveryFailed");
    assert!(message(&status, condition::READY).contains("last good settings stay in use"));
    assert_eq!(status.active.as_ref().unwrap().generation, good);
    assert_eq!(events_of(&before, &status, world.now), [EventReason::RehearsalFailed, EventReason::NotReady]);
    let reach = reaches(&world.provider, true);
    assert_eq!(reach.len(), 2, "both stay reachable: {reach:?}");
}

#[test]
fn a_failed_rehearsal_is_tried_again_after_a_minute_or_at_once_when_the_settings_change() {
    let mut world = World::new();
    world.rehearsed(Some("Keys"));
    world.report();
    assert_eq!(reasons(&world.plan()), [HoldReason::Rehearsing]);
    assert!(world.plan().recheck.unwrap() <= Duration::from_mins(1));
    // A new process remembers it from status.
    world.seen.rehearsal = Rehearsal::None;
    assert!(world.plan().rehearse.is_none());
    let mut changed = World { provider: world.provider.clone(), ..World::new() };
    changed.refs.client_secret = referenced("s/2", "another");
    assert!(changed.plan().rehearse.is_some());
    world.now = world.now.plus(Duration::from_secs(61));
    assert!(world.plan().rehearse.is_some());
}

#[test]
fn while_a_rehearsal_runs_or_its_success_is_not_told_yet_no_other_is_asked_for() {
    let mut world = World::new();
    world.seen.rehearsal = Rehearsal::Running { generation: world.generation(), since: START };
    assert_eq!(reasons(&world.plan()), [HoldReason::Rehearsing]);
    world.rehearsed(None);
    assert_eq!(reasons(&world.plan()), [HoldReason::Rehearsing]);
}

#[test]
fn when_sso_has_lost_its_provider_it_is_rehearsed_again() {
    let mut world = World::live();
    world.now = world.now.plus(Duration::from_secs(40));
    world.seen.sso = Poll::Answered { at: world.now, answer: sso(None, world.now) };
    assert!(world.plan().rehearse.is_some());
    assert_eq!(told(&world.report(), condition::READY), "False NoneInUse");
}

#[test]
fn a_provider_that_the_network_has_not_chosen_is_rehearsed_but_does_not_go_live() {
    let mut world = World::new();
    world.provider.metadata.name = Some("next-idp".to_owned());
    let request = world.plan().rehearse.expect("it is rehearsed once");
    assert!(!request.adopt);
    world.rehearsed(None);
    let status = world.report();
    assert_eq!(told(&status, condition::ACTIVE), "False NotChosen");
    assert!(world.plan().rehearse.is_none(), "once is enough");
    assert_eq!(world.generation(), World::new().generation(), "being chosen is no other setting");
}

#[test]
fn the_one_before_stays_active_until_the_chosen_one_passes() {
    let mut old = World::live();
    let mut network = demo_network();
    network.spec.sign_in.as_mut().unwrap().identity_provider_ref.name = "next-idp".to_owned();
    old.refs.network = Lookup::Found(network);
    let status = old.report();
    assert_eq!(told(&status, condition::ACTIVE), "True InUseUntilReplaced");
    assert_eq!(reaches(&old.provider, false).len(), 1);
    old.in_use("the next one's");
    let status = old.report();
    assert_eq!(told(&status, condition::ACTIVE), "False NotChosen");
    assert!(status.active.is_none() && status.previous.is_some());
    assert!(reaches(&old.provider, false).is_empty());
}

#[test]
fn a_provider_that_is_down_is_not_ready_while_it_stays_active() {
    let mut world = World::live();
    let Poll::Answered { answer, .. } = &mut world.seen.sso else { panic!("sso answers") };
    answer.provider.discovery =
        Some(Check { at: Some(START), error: Some("connection refused".to_owned()), ..Check::default() });
    let status = world.report();
    assert_eq!(told(&status, condition::READY), "False ProviderUnreachable");
    assert_eq!(told(&status, condition::ACTIVE), "True InUse");
}

#[test]
fn everything_wrong_with_a_spec_is_found_at_once() {
    let mut world = World::new();
    world.provider.spec.issuer = "https://169.254.169.254/x".to_owned();
    world.provider.spec.cidrs = vec!["169.254.0.0/16".to_owned(), "10.0.0.0/99".to_owned()];
    world.provider.spec.refresh_grace = "9000h".to_owned();
    world.provider.spec.scopes = vec!["profile".to_owned()];
    world.refs.client_secret = Lookup::Missing;
    world.refs.ca_bundle = Some(referenced("c/2", "no certificate"));
    world.refs.network = Lookup::Missing;
    let findings = provider::validate(&world.provider, &world.refs).unwrap_err();
    let found: Vec<(String, &str)> =
        findings.0.iter().map(|finding| (finding.path.clone(), finding.code.as_str())).collect();
    let expected = [
        ("spec.issuer", "AddressRefused"),
        ("spec.cidrs[0]", "AddressRefused"),
        ("spec.cidrs[1]", "Unreadable"),
        ("spec.refreshGrace", "OutOfRange"),
        ("spec.scopes", "Contradiction"),
        ("spec.networkRef.name", "NetworkMissing"),
        ("spec.clientSecretRef", "SecretMissing"),
        ("spec.caBundleRef", "CertificateUnfit"),
    ];
    assert_eq!(found, expected.map(|(path, code)| (path.to_owned(), code)));
    let status = world.report();
    assert_eq!(told(&status, condition::READY), "False AddressRefused");
}

#[test]
fn a_secret_without_the_key_and_one_that_may_not_be_read_are_told_apart() {
    let mut world = World::new();
    world.refs.client_secret =
        Lookup::Found(Referenced { version: "s/1".to_owned(), network: None, value: None });
    assert_eq!(told(&world.report(), condition::READY), "False KeyMissing");
    world.refs.client_secret = Lookup::Unreadable(Explained {
        class: FailureClass::Forbidden,
        attempted: "get Secret hq/idp".to_owned(),
        message: "secrets \"idp\" is forbidden".to_owned(),
        next: "grant the operator the verb get on secrets in namespace \"hq\"".to_owned(),
        attempts: 1,
    });
    let status = world.report();
    assert_eq!(told(&status, condition::READY), "False Forbidden");
    let text = message(&status, condition::READY);
    for words in
        ["spec.clientSecretRef", "secrets \"idp\" is forbidden", "verb get on secrets in namespace \"hq\""]
    {
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn a_missing_right_makes_a_provider_unready_with_that_reason_and_the_right_to_grant() {
    let world = World::live();
    let failure = Explained {
        class: FailureClass::Forbidden,
        attempted: "list and watch wickrnetworks.wickr.dev".to_owned(),
        message: "wickrnetworks.wickr.dev is forbidden".to_owned(),
        next: "grant the operator the verbs list and watch on wickrnetworks.wickr.dev in the whole cluster"
            .to_owned(),
        attempts: 1,
    };
    let status = provider::report(&world.provider, None, &ProviderOutcome::Failed(&failure), world.now);
    assert_eq!(told(&status, condition::READY), "False Forbidden");
    let text = message(&status, condition::READY);
    assert!(text.contains("Next: grant the operator the verbs list and watch"), "{text}");
}

#[test]
fn a_key_of_the_network_is_never_sent_to_a_provider() {
    let mut world = World::new();
    let value = Some(Secret::new("a private key".to_owned()));
    let network = Some("hq".to_owned());
    world.refs.client_secret = Lookup::Found(Referenced { version: "s/1".to_owned(), network, value });
    assert_eq!(told(&world.report(), condition::READY), "False SecretReserved");
}

#[test]
fn a_paused_network_rehearses_nothing() {
    let mut world = World::new();
    let mut network = demo_network();
    network.spec.paused = true;
    world.refs.network = Lookup::Found(network);
    assert_eq!(reasons(&world.plan()), [HoldReason::Paused]);
}

#[test]
fn the_fingerprint_does_not_tell_the_secret() {
    let world = World::new();
    let mut other = World::new();
    other.refs.client_secret = referenced("s/1", "another secret in the same version");
    assert_eq!(world.generation(), other.generation());
}
