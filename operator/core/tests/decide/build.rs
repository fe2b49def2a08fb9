//! Every accepted sample becomes objects: their YAML is the snapshot, reviewed like code.

use crate::world::{START, env};
use wickr_base::Secret;
use wickr_operator_core::network::{self, GivenSecret, NetworkRefs};
use wickr_operator_core::provider::{self, ProviderRefs, Referenced};
use wickr_operator_core::{Lookup, NetworkResources};
use wickr_operator_testkit::keys::{Issuers, data};
use wickr_operator_testkit::objects::{demo_network, demo_provider, network, provider};
use wickr_operator_testkit::samples::{Sample, samples};
use wickr_policy::RootPin;

fn accepted(kind: &str) -> Vec<Sample> {
    samples().into_iter().filter(|sample| sample.refused.is_none() && sample.last()["kind"] == kind).collect()
}

fn build(sample: &Sample) -> NetworkResources {
    let network = network(sample.last().clone());
    let issuers = Issuers::new(&network.spec.domain, START);
    let public =
        issuers.public_tls(&network.spec.exposure.hostname, START, std::time::Duration::from_hours(24));
    let refs =
        NetworkRefs {
            provider: network.spec.sign_in.as_ref().map(|_| Lookup::Found(demo_provider())),
            public_tls: network.spec.exposure.tls.secret_ref.as_ref().map(|_| {
                Lookup::Found(GivenSecret { data: data(&public, &issuers.workload), network: None })
            }),
            root: Some(RootPin([0xab; 32])),
            ..NetworkRefs::default()
        };
    let valid = network::validate(&network, &refs, START)
        .unwrap_or_else(|findings| panic!("{}: {findings}", sample.name));
    network::build(&valid, &env())
}

#[test]
fn every_accepted_network_becomes_the_objects_of_its_snapshot() {
    for sample in accepted("WickrNetwork") {
        let objects: Vec<String> = build(&sample)
            .into_wanted()
            .into_iter()
            .map(|wanted| {
                let mut body = wanted.body;
                body["apiVersion"] = wanted.kind.api_version().into();
                serde_yaml::to_string(&body).unwrap()
            })
            .collect();
        insta::assert_snapshot!(format!("network@{}", sample.name), objects.join("---\n"));
    }
}

#[test]
fn every_accepted_provider_becomes_the_rehearsal_of_its_snapshot() {
    for sample in accepted("IdentityProvider") {
        let provider = provider(sample.last().clone());
        let refs = ProviderRefs {
            network: Lookup::Found(demo_network()),
            client_secret: Lookup::Found(Referenced {
                version: "uid/1".to_owned(),
                network: None,
                value: Some(Secret::new("s3cret".to_owned())),
            }),
            ca_bundle: None,
        };
        let valid = provider::validate(&provider, &refs)
            .unwrap_or_else(|findings| panic!("{}: {findings}", sample.name));
        let body = provider::build(&valid).to_json();
        let body: serde_json::Value = serde_json::from_slice(body.expose()).unwrap();
        insta::assert_snapshot!(format!("provider@{}", sample.name), serde_yaml::to_string(&body).unwrap());
    }
}

#[test]
fn what_is_built_is_the_same_each_time() {
    for sample in accepted("WickrNetwork") {
        assert_eq!(build(&sample), build(&sample), "{}", sample.name);
    }
}

#[test]
fn every_pod_runs_under_the_restricted_profile_with_a_read_only_root_and_no_token() {
    for sample in accepted("WickrNetwork") {
        for set in build(&sample).stateful_sets {
            let pod = set.spec.template.spec.unwrap();
            let context = pod.security_context.unwrap();
            assert_eq!(pod.automount_service_account_token, Some(false));
            assert_eq!(context.run_as_non_root, Some(true));
            assert_eq!(context.seccomp_profile.unwrap().type_, "RuntimeDefault");
            for container in pod.containers {
                let context = container.security_context.unwrap();
                assert_eq!(context.read_only_root_filesystem, Some(true));
                assert_eq!(context.allow_privilege_escalation, Some(false));
                assert_eq!(context.capabilities.unwrap().drop, Some(vec!["ALL".to_owned()]));
            }
            let grace = u64::try_from(pod.termination_grace_period_seconds.unwrap()).unwrap();
            assert!(grace > env().drain.as_secs());
        }
    }
}

#[test]
fn a_pod_mounts_its_own_keys_and_none_that_only_the_operator_uses() {
    let sample = accepted("WickrNetwork").remove(0);
    for set in build(&sample).stateful_sets {
        let role = set.metadata.name.unwrap();
        let volumes = set.spec.template.spec.unwrap().volumes.unwrap();
        let secrets: Vec<String> =
            volumes.into_iter().filter_map(|volume| volume.secret?.secret_name).collect();
        for hidden in ["root", "workload-issuer", "document-issuer", "document-key", "operator-client"] {
            assert!(!secrets.iter().any(|name| name.ends_with(hidden)), "{role} mounts {hidden}");
        }
        assert_eq!(secrets.iter().any(|name| name.ends_with("device-issuer")), role.ends_with("sso"));
        assert_eq!(secrets.iter().any(|name| name.ends_with("external-sender")), role.ends_with("relay"));
    }
}
