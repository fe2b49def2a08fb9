//! Keys that are replaced while the network runs: whatever the order of steps, and whenever the operator is gone,
//! everybody trusts whoever they meet, no key is lost, and it comes to an end.

use std::collections::BTreeMap;

use proptest::prelude::*;
use wickr_operator_api::v1alpha1::KeyPhase;
use wickr_operator_core::network::{CertificateSeen, KeySlot, plan_text};
use wickr_operator_core::{Poll, Role};
use wickr_pki::{Purpose, fingerprint_spki};
use wickr_policy::{Anchors, Der, NetworkDocument};

use crate::rotation::{ask, device_issuer, document_issuer, up, workload_issuer};
use crate::world::World;

/// All that is replaced here.
const SLOTS: [KeySlot; 4] =
    [KeySlot::WorkloadIssuer, KeySlot::DocumentIssuer, KeySlot::DeviceIssuer, KeySlot::DocumentKey];

/// Nodes hand files to pods late, answers are old, clients learn late.
struct Slow {
    world: World,
    /// What each service shows to others, and whom it trusts.
    workload: BTreeMap<Role, CertificateSeen>,
    /// What each service shows to clients.
    public: BTreeMap<Role, CertificateSeen>,
    /// Every document that was signed.
    documents: BTreeMap<u64, NetworkDocument>,
    /// Whom a connected client trusts.
    client: Anchors,
    /// The key of the issuer that sso has loaded.
    device_issuer: Option<String>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A pass by an operator that is gone after so many effects.
    Pass(usize),
    Mount(Role),
    MountPublic(Role),
    Ask(Role),
    ClientLearns,
    /// Twenty seconds, in which a connected client has learned.
    Wait,
}

fn step() -> impl Strategy<Value = Step> {
    let role = || prop_oneof![Just(Role::Relay), Just(Role::Sso)];
    prop_oneof![
        4 => prop_oneof![(0..6_usize).prop_map(Step::Pass), Just(Step::Pass(usize::MAX))],
        2 => role().prop_map(Step::Mount),
        2 => role().prop_map(Step::MountPublic),
        3 => role().prop_map(Step::Ask),
        1 => Just(Step::ClientLearns),
        2 => Just(Step::Wait),
    ]
}

fn fingerprints(all: &[Der]) -> Vec<[u8; 32]> {
    all.iter().map(|der| fingerprint_spki(der.as_bytes()).unwrap()).collect()
}

impl Slow {
    /// After `up`, which is the same each time.
    fn new(world: World) -> Self {
        let mut slow = Self {
            world,
            workload: BTreeMap::new(),
            public: BTreeMap::new(),
            documents: BTreeMap::new(),
            client: Anchors::default(),
            device_issuer: None,
        };
        slow.remember();
        for role in Role::ALL {
            slow.take(Step::Mount(role));
            slow.take(Step::MountPublic(role));
        }
        slow.take(Step::ClientLearns);
        ask(&mut slow.world, workload_issuer);
        ask(&mut slow.world, document_issuer);
        ask(&mut slow.world, device_issuer);
        "1m".clone_into(&mut slow.world.network.spec.keys.device_overlap);
        ask(&mut slow.world, |after, day| after.document_key = Some(wickr_operator_core::time(day)));
        slow
    }

    fn remember(&mut self) {
        let document = self.world.seen().document.expect("a document that holds").document;
        self.documents.insert(document.number, document);
    }

    fn take(&mut self, step: Step) -> usize {
        let seen = self.world.seen();
        let leaf = |slot| seen.certificate(slot).expect("it is there").clone();
        let mut done = 0;
        match step {
            Step::Pass(most) => {
                let plan = self.world.plan();
                done = self.world.apply_first(&plan, most);
                self.remember();
            }
            Step::Mount(role) => {
                self.workload.insert(role, leaf(KeySlot::Tls(role)));
                if role == Role::Sso {
                    self.device_issuer = self.world.pin(KeySlot::DeviceIssuer);
                }
            }
            Step::MountPublic(role) => drop(self.public.insert(role, leaf(KeySlot::PublicTls))),
            Step::Ask(role) => self.hear(role),
            Step::ClientLearns => self.client_learns(),
            Step::Wait => {
                self.client_learns();
                self.world.now = self.world.now.plus(std::time::Duration::from_secs(20));
            }
        }
        done
    }

    fn document_of_relay(&self) -> u64 {
        let Poll::Answered { answer, .. } = &self.world.relay else { panic!("the relay answers") };
        answer.document
    }

    fn client_learns(&mut self) {
        let number = self.document_of_relay();
        self.client.clone_from(&self.documents[&number].anchors);
    }

    /// The poller asks a service what it has loaded.
    fn hear(&mut self, role: Role) {
        let told = |leaf: &CertificateSeen| wickr_policy::RootPin(leaf.fingerprint).to_string();
        let trusts = fingerprints(&self.workload[&role].trusts);
        let certificates = wickr_operator_core::CertificatesAnswer {
            public: Some(told(&self.public[&role])),
            workload: Some(told(&self.workload[&role])),
            trusts: trusts.into_iter().map(|key| wickr_policy::RootPin(key).to_string()).collect(),
        };
        match (role, &mut self.world.relay, &mut self.world.sso) {
            (Role::Relay, Poll::Answered { answer, .. }, _) => answer.certificates = certificates,
            (Role::Sso, _, Poll::Answered { answer, .. }) => {
                answer.certificates = certificates;
                answer.device_issuer.clone_from(&self.device_issuer);
            }
            _ => panic!("{role} answers"),
        }
    }

    /// Everybody trusts whoever they meet, and whoever signs has its key.
    fn check(&self) {
        let seen = self.world.seen();
        let operator = seen.certificate(KeySlot::OperatorClient).expect("the operator's");
        let operator_trusts = fingerprints(&seen.issuers(Purpose::Workload).expect("issuers"));
        let client_trusts = fingerprints(&self.client.workload);
        for here in Role::ALL {
            let trusts = fingerprints(&self.workload[&here].trusts);
            for there in Role::ALL {
                let issuer = self.workload[&there].issuer.unwrap();
                assert!(trusts.contains(&issuer), "{here} doesn't trust {there}");
                assert!(operator_trusts.contains(&issuer), "the operator doesn't trust {there}");
            }
            assert!(trusts.contains(&operator.issuer.unwrap()), "{here} doesn't trust the operator");
            let shown = self.public[&here].issuer.unwrap();
            assert!(client_trusts.contains(&shown), "clients don't trust {here}");
        }
        // What sso signs for devices is taken by the relay, and by members who learned of it late.
        let relays = &self.documents[&self.document_of_relay()].anchors;
        for anchors in [&self.client.device, &relays.device] {
            let keys = fingerprints(anchors).into_iter().map(|key| wickr_policy::RootPin(key).to_string());
            assert!(
                keys.into_iter().any(|key| Some(key) == self.device_issuer),
                "sso signs what is not taken"
            );
        }
        // Certificate and key belong together, in each of them.
        for slot in SLOTS {
            self.world.key(slot);
        }
        assert!(seen.document.is_some(), "the document holds under the root");
    }

    /// Everybody does their part, until nothing is left to do.
    fn converge(&mut self) {
        let mut idle = 0;
        for _ in 0..60 {
            let done = self.take(Step::Pass(usize::MAX));
            self.check();
            // An overlap of a minute is three waits.
            idle = if done == 0 { idle + 1 } else { 0 };
            if idle > 4 {
                break;
            }
            for role in Role::ALL {
                for step in [Step::Mount(role), Step::MountPublic(role), Step::Ask(role)] {
                    self.take(step);
                }
            }
            self.take(Step::Wait);
        }
        self.check();
        assert_eq!(plan_text(&self.world.plan()), "nothing to do\n");
        let status = self.world.report(None);
        assert!(status.keys.iter().all(|key| key.phase == KeyPhase::Steady), "{:?}", status.keys);
        let seen = self.world.seen();
        for purpose in Purpose::ALL {
            assert_eq!(seen.issuers(purpose).unwrap().len(), 1, "{purpose}");
            assert!(seen.certificate(KeySlot::Next(purpose)).is_none(), "{purpose}");
        }
        let known = &self.world.issuers;
        let old = [&known.workload, &known.document, &known.device, &known.document_signer()]
            .map(|key| fingerprint_spki(&key.certificate).unwrap());
        for slot in SLOTS {
            assert!(!old.contains(&seen.certificate(slot).unwrap().fingerprint), "{slot:?} is another one");
        }
    }
}

#[test]
fn an_operator_that_is_gone_after_any_one_step_leaves_what_the_next_one_goes_on_with() {
    // How many effects the whole of it takes, with nothing in between.
    let begin = up();
    let mut whole = 0;
    let mut slow = Slow::new(begin.clone());
    for _ in 0..20 {
        whole += slow.take(Step::Pass(usize::MAX));
        for role in Role::ALL {
            for step in [Step::Mount(role), Step::MountPublic(role), Step::Ask(role), Step::Wait] {
                slow.take(step);
            }
        }
    }
    assert!(whole > 20, "{whole}");
    for gone_after in 0..whole {
        let mut slow = Slow::new(begin.clone());
        let mut left = gone_after;
        while left > 0 {
            let done = slow.take(Step::Pass(left));
            slow.check();
            left -= done;
            for role in Role::ALL {
                for step in [Step::Mount(role), Step::MountPublic(role), Step::Ask(role), Step::Wait] {
                    slow.take(step);
                }
            }
        }
        slow.converge();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn whatever_the_order_everybody_trusts_whoever_they_meet(steps in prop::collection::vec(step(), 0..80)) {
        let mut slow = Slow::new(up());
        for step in steps {
            slow.take(step);
            slow.check();
        }
        slow.converge();
    }
}
