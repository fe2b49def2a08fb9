//! The webhook refuses exactly what the controllers' `validate` finds wrong with the object alone.

use proptest::prelude::*;
use serde_json::{Value, json};
use wickr_base::Secret;
use wickr_operator_api::v1alpha1::{IdentityProvider, WickrNetwork};
use wickr_operator_core::network::{self, NetworkRefs};
use wickr_operator_core::provider::{self, ProviderRefs, Referenced};
use wickr_operator_core::{Basis, FindingCode, Findings, Lookup};
use wickr_operator_testkit::objects::{admitted, demo_network};
use wickr_operator_testkit::samples::samples;
use wickr_operator_webhook::Verdict;

use crate::{NOW, alone, asked, bad_provider, causes, network, provider};

/// What the controller says with these references, of the object alone.
fn of_the_object<T>(judged: Result<T, Findings>) -> Vec<(String, String)> {
    let found = judged.err().map(|findings| findings.0).unwrap_or_default();
    let own = found.into_iter().filter(|finding| finding.code.basis() == Basis::Object);
    own.map(|finding| (finding.path, finding.code.as_str().to_owned())).collect()
}

/// With everything there that is named, and with nothing there.
fn controllers(object: &Value) -> [Vec<(String, String)>; 2] {
    if object["kind"] == "WickrNetwork" {
        let network: WickrNetwork = serde_json::from_value(object.clone()).unwrap();
        let named = network.spec.exposure.tls.secret_ref.as_ref().map(|_| Lookup::Missing);
        let missing = NetworkRefs { public_tls: named, ..NetworkRefs::default() };
        return [NetworkRefs::default(), missing]
            .map(|refs| of_the_object(network::validate(&network, &refs, NOW)));
    }
    let provider: IdentityProvider = serde_json::from_value(object.clone()).unwrap();
    let value = Some(Secret::new("s3cret".to_owned()));
    let found = Lookup::Found(Referenced { version: "1".to_owned(), network: None, value });
    let there = ProviderRefs {
        network: Lookup::Found(demo_network()),
        client_secret: found.clone(),
        ca_bundle: Some(found),
    };
    [there, ProviderRefs::unknown()].map(|refs| of_the_object(provider::validate(&provider, &refs)))
}

fn check(object: &Value) -> Result<(), TestCaseError> {
    let review = alone(&asked("CREATE", object, None));
    for said in controllers(object) {
        prop_assert_eq!(&causes(&review), &said);
        prop_assert_eq!(review.verdict == Verdict::Refused, !said.is_empty());
        prop_assert_eq!(review.response.allowed, said.is_empty());
    }
    Ok(())
}

#[test]
fn every_sample_gets_the_verdict_of_its_controller() {
    let (mut refused, mut taken) = (0, 0);
    for sample in samples() {
        for document in &sample.documents {
            let object = admitted(document.clone());
            let review = alone(&asked("CREATE", &object, None));
            match serde_json::from_value::<WickrNetwork>(object.clone()) {
                Err(_) if object["kind"] == "WickrNetwork" => assert_eq!(review.verdict, Verdict::Refused),
                _ => check(&object).unwrap_or_else(|error| panic!("{}: {error}", sample.name)),
            }
            if review.verdict == Verdict::Refused {
                refused += 1;
            } else {
                taken += 1;
            }
            let accepted = sample.refused.is_none();
            assert!(!accepted || review.verdict == Verdict::Allowed, "{}: {review:?}", sample.name);
        }
    }
    assert!(refused > 5 && taken > 15, "{refused} refused, {taken} taken");
}

#[test]
fn every_bad_spec_gets_the_findings_of_its_controller() {
    check(&bad_provider()).unwrap();
    let mut bad = network();
    bad["metadata"]["name"] = "n".repeat(41).into();
    bad["spec"]["domain"] = "HQ.example".into();
    bad["spec"]["capacity"] = json!({"users": 0});
    bad["spec"]["storage"]["embedded"]["size"] = "0Gi".into();
    bad["spec"]["exposure"]["service"] = json!({"relayPort": 30443, "ssoPort": 30443});
    bad["spec"]["exposure"]["tls"] = json!({"managed": {}, "secretRef": {"name": "x"}});
    check(&bad).unwrap();
    assert!(causes(&alone(&asked("CREATE", &bad, None))).len() >= 6);
}

#[test]
fn a_finding_rests_on_the_object_or_on_something_beside_it() {
    let of = |basis: Basis| FindingCode::ALL.into_iter().filter(move |code| code.basis() == basis).count();
    assert_eq!(Basis::ALL.map(of).iter().sum::<usize>(), FindingCode::ALL.len());
    assert!(of(Basis::Neighbour) == 2 && of(Basis::Object) > 3 && of(Basis::Reference) > 5);
}

proptest! {
    #[test]
    fn whatever_stands_in_a_network_the_verdict_is_the_controllers(
        domain in "[a-zA-Z.-]{0,12}", host in "[a-z. :]{0,12}", size in "[0-9]{0,2}(Gi|Mi|x)?", users in -1_i32..200_000,
        relay in -1_i32..70_000, sso in -1_i32..70_000, name in "[a-z]{1,50}", managed in any::<bool>(), given in any::<bool>(),
    ) {
        let mut object = network();
        object["metadata"]["name"] = name.into();
        object["spec"]["domain"] = domain.into();
        object["spec"]["capacity"] = json!({"users": users});
        object["spec"]["storage"]["embedded"]["size"] = size.into();
        let mut tls = json!({});
        if managed { tls["managed"] = json!({}); }
        if given { tls["secretRef"] = json!({"name": "x"}); }
        object["spec"]["exposure"] =
            json!({"hostname": host, "tls": tls, "service": {"relayPort": relay, "ssoPort": sso}});
        check(&object)?;
    }

    #[test]
    fn whatever_stands_in_a_provider_the_verdict_is_the_controllers(
        issuer in "(https://)?(169.254.1.1|[a-z:/?]{0,10})", cidr in "(169.254.0.0|10.0.0.0|::1|x)/[0-9]{1,3}",
        grace in "[0-9]{1,4}(m|h|x)", openid in any::<bool>(), bundle in any::<bool>(),
    ) {
        let mut object = provider();
        object["spec"]["issuer"] = issuer.into();
        object["spec"]["cidrs"] = json!([cidr]);
        object["spec"]["refreshGrace"] = grace.into();
        object["spec"]["scopes"] = if openid { json!(["openid"]) } else { json!(["profile"]) };
        if bundle { object["spec"]["caBundleRef"] = json!({"name": "ca", "key": "ca.crt"}); }
        check(&object)?;
    }
}
