//! The samples against the definitions, and the definitions' rules against the samples.

use std::collections::BTreeSet;

use crate::world::START;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray,
};
use proptest::prelude::*;
use wickr_base::Secret;
use wickr_operator_api::crds;
use wickr_operator_core::network::{self, GivenSecret, NetworkRefs};
use wickr_operator_core::provider::{self, ProviderRefs, Referenced};
use wickr_operator_core::{Live, Lookup};
use wickr_operator_testkit::objects::{demo_network, demo_provider};
use wickr_operator_testkit::samples::{demo, samples};

fn messages(schema: &JSONSchemaProps, out: &mut Vec<String>) {
    let rules = schema.x_kubernetes_validations.iter().flatten();
    out.extend(rules.map(|rule| rule.message.clone().expect("every rule has a message")));
    for property in schema.properties.iter().flat_map(|properties| properties.values()) {
        messages(property, out);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(item)) = &schema.items {
        messages(item, out);
    }
}

#[test]
fn every_rule_has_a_refusing_sample_and_an_accepting_one_of_the_same_name() {
    let samples = samples();
    let accepted: BTreeSet<&str> =
        samples.iter().filter(|sample| sample.refused.is_none()).map(|sample| sample.name.as_str()).collect();
    let mut rules = Vec::new();
    for crd in crds() {
        let schema = crd.spec.versions[0].schema.clone().unwrap().open_api_v3_schema.unwrap();
        messages(&schema, &mut rules);
    }
    assert!(rules.len() > 8, "{rules:?}");
    for rule in rules {
        let proven = samples.iter().any(|sample| {
            let refuses = sample.refused.as_ref().is_some_and(|refused| rule.contains(refused.as_str()));
            refuses && accepted.contains(sample.name.as_str())
        });
        assert!(proven, "no pair of samples for: {rule}");
    }
}

#[test]
fn a_refused_sample_says_why_and_every_document_has_a_kind_of_ours() {
    for sample in samples() {
        assert!(sample.refused.as_ref().is_none_or(|why| why.len() > 5), "{}", sample.name);
        for document in &sample.documents {
            let kind = document["kind"].as_str().unwrap();
            assert!(["WickrNetwork", "IdentityProvider"].contains(&kind), "{}", sample.name);
        }
    }
}

#[test]
fn the_demo_is_what_its_names_say() {
    assert_eq!(demo_network().metadata.namespace, demo_provider().metadata.namespace);
    assert_eq!(demo("namespace.yaml")[0]["metadata"]["name"], "hq");
    let chosen = demo_network().spec.sign_in.unwrap().identity_provider_ref.name;
    assert_eq!(Some(chosen), demo_provider().metadata.name);
}

proptest! {
    #[test]
    fn validate_never_panics_whatever_stands_in_a_network(
        domain in "\\PC{0,20}", host in "\\PC{0,20}", size in "\\PC{0,8}", users in any::<i32>(),
        relay in any::<i32>(), sso in any::<i32>(), name in "[a-z]{0,50}",
        secret in prop::collection::btree_map("tls.crt|tls.key|ca.crt", prop::collection::vec(any::<u8>(), 0..40), 0..3),
    ) {
        let mut network = demo_network();
        network.metadata.name = Some(name);
        network.spec.domain = domain;
        network.spec.exposure.hostname = host;
        network.spec.storage.embedded.size = size;
        network.spec.capacity.users = users;
        network.spec.exposure.service.relay_port = relay;
        network.spec.exposure.service.sso_port = sso;
        let secret_ref = wickr_operator_api::v1alpha1::LocalReference { name: "x".to_owned() };
        network.spec.exposure.tls.secret_ref = Some(secret_ref);
        network.spec.exposure.tls.managed = None;
        let refs = NetworkRefs { public_tls: Some(Lookup::Found(GivenSecret { data: secret, network: None })), ..NetworkRefs::default() };
        let refused = network::validate(&network, &refs, START);
        prop_assert!(refused.is_err_and(|findings| !findings.0.is_empty()));
        let _ = network::targets(&network);
    }

    #[test]
    fn validate_never_panics_whatever_stands_in_a_provider(
        issuer in "(https://)?\\PC{0,30}", cidr in "\\PC{0,20}", grace in "\\PC{0,8}", bundle in "\\PC{0,40}",
    ) {
        let mut provider = demo_provider();
        provider.spec.issuer = issuer;
        provider.spec.cidrs = vec![cidr];
        provider.spec.refresh_grace = grace;
        let value = Some(Secret::new(bundle));
        let found = Lookup::Found(Referenced { version: "1".to_owned(), network: None, value });
        let refs = ProviderRefs {
            network: Lookup::Found(demo_network()), client_secret: found.clone(), ca_bundle: Some(found),
        };
        let _ = provider::validate(&provider, &refs);
        let _ = provider::reaches(&provider, true);
    }

    #[test]
    fn reading_keys_never_panics_whatever_stands_in_a_secret(
        bytes in prop::collection::vec(any::<u8>(), 0..60), key in "tls.crt|ca.crt|seal.key", name in "hq-root|hq-sso-seal",
    ) {
        let row = *wickr_operator_core::NetworkResources::KINDS.iter().find(|row| row.kind == "Secret").unwrap();
        let data = serde_json::to_value(k8s_openapi::ByteString(bytes)).unwrap();
        let mut live = Live::default();
        live.add(row, serde_json::json!({"metadata": {"name": name}, "data": {key: data}}));
        let names = wickr_operator_core::Names::new("hq", "hq");
        let _ = network::NetworkSeen::read(&names, live, Vec::new(), START);
    }
}
