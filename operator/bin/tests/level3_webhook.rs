//! The webhook asked by a real API server: what it refuses and in which words, what it must never keep back, what
//! happens while it is down, a rotation under way, and Helm beside it.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod hook;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, PostParams};
use kube::runtime::wait::await_condition;
use serde_json::{Value, json};
use wickr_base::{Clock as _, ManualClock, SystemClock, SystemRng};
use wickr_cluster::until;
use wickr_operator::webhook::{Keeper, Settings};
use wickr_operator_api::v1alpha1::IdentityProvider;
use wickr_operator_kube::{Metrics, VERBS};
use wickr_operator_testkit::samples::samples;
use wickr_operator_webhook::certificate::{Kept, LIFE, OVERLAP};
use wickr_pki::{CertificateDer, certificates_from_pem, issue_self_signed_tls};

use hook::{CONFIGURATION, Hook, PATIENCE, SERVICE, SYSTEM, bad_provider};

const ACCOUNT: &str = "system:serviceaccount:wickr-system:wickr-operator";

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_object_is_refused_with_all_findings_and_what_is_stored_stays_operable() {
    let hook = Hook::new();
    hook.configured();
    // Nobody answers: it is taken, and the controller refuses it.
    hook.apply(&bad_provider("early")).unwrap();
    let controllers = hook.controllers().await;
    let accepted = "jsonpath={.status.conditions[?(@.type==\"Accepted\")].message}";
    let told = until("the controller to refuse it", PATIENCE, || {
        let told = hook.kubectl(&["get", "widp", "-n", "hq", "early", "-o", accepted], "");
        Ok(told.ok().filter(|told| told.contains("spec.issuer")))
    });
    println!("status: {}", told.unwrap());
    let _webhook = hook.webhook(Arc::new(SystemClock::new())).await;
    hook.guarded();

    for (how, arguments) in [
        ("create", &["create", "-f", "-"][..]),
        ("apply", &["apply", "-f", "-"][..]),
        ("apply --server-side", &["apply", "--server-side", "-f", "-"][..]),
    ] {
        let refused = hook.kubectl(arguments, &bad_provider("late").to_string()).unwrap_err();
        println!("kubectl {how}: {refused}");
        for words in [
            "spec.issuer",
            "\"169.254.169.254\" is a link-local address. Next: name the provider by its DNS name.",
            "spec.cidrs[1]",
            "\"169.254.0.0/16\" is link-local. Next: ",
        ] {
            assert!(refused.contains(words), "{how}: {refused}");
        }
    }

    let early = |arguments: &[&str]| hook.kubectl(&[arguments, &["-n", "hq", "widp", "early"]].concat(), "");
    hook.kubectl(&["label", "-n", "hq", "widp", "early", "a=b"], "").unwrap();
    let merge = |patch: &str, more: &[&str]| early(&[&["patch", "--type=merge", "-p", patch], more].concat());
    let warned = merge(r#"{"spec":{"clientId":"other"}}"#, &[]).unwrap();
    println!("kubectl patch: {warned}");
    assert!(warned.contains("Warning: spec.issuer (AddressRefused)"), "{warned}");
    let worse = merge(r#"{"spec":{"cidrs":["169.254.1.1/32"]}}"#, &[]).unwrap_err();
    let refused = worse.split_once("is invalid: ").unwrap().1;
    assert!(refused.contains("spec.cidrs[0]") && !refused.contains("spec.issuer"), "{worse}");
    let status = r#"{"status":{"observedGeneration":7}}"#;
    drop(controllers);
    merge(status, &["--subresource=status"]).unwrap();
    merge(r#"{"metadata":{"finalizers":["wickr.dev/test"]}}"#, &[]).unwrap();
    early(&["delete", "--wait=false"]).unwrap();
    merge(r#"{"metadata":{"finalizers":null},"spec":{"cidrs":["169.254.1.1/32"]}}"#, &[]).unwrap();
    assert!(early(&["get"]).unwrap_err().contains("NotFound"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sample_is_taken_and_kubectl_sees_no_difference_afterwards() {
    let hook = Hook::new();
    hook.configured();
    let _webhook = hook.webhook(Arc::new(SystemClock::new())).await;
    hook.guarded();
    for sample in samples().iter().filter(|sample| sample.refused.is_none()) {
        let space = sample.name.to_lowercase();
        hook.kubectl(&["create", "namespace", &space], "").unwrap();
        for document in &sample.documents {
            let said = hook.kubectl(&["apply", "-n", &space, "-f", "-"], &document.to_string()).unwrap();
            assert!(!said.contains("Warning"), "{}: {said}", sample.name);
        }
        let last = sample.last().to_string();
        let differs = hook.kubectl(&["diff", "-n", &space, "-f", "-"], &last);
        assert_eq!(differs.as_deref(), Ok(""), "{}", sample.name);
    }
}

/// The certificates that the API server trusts this webhook by.
fn trusted(configuration: &ValidatingWebhookConfiguration) -> Vec<CertificateDer<'static>> {
    let webhook = configuration.webhooks.iter().flatten().next();
    let bundle = webhook.and_then(|webhook| webhook.client_config.ca_bundle.as_ref());
    bundle.map(|pem| certificates_from_pem(&pem.0).unwrap()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_near_its_end_is_replaced_and_no_call_fails() {
    let hook = Hook::new();
    hook.configured();
    let clock = Arc::new(ManualClock::at(SystemClock::new().now()));
    let client = hook.client(None).await;
    let secrets: Api<Secret> = Api::namespaced(client.clone(), SYSTEM);
    let made = clock.now().minus(LIFE.saturating_sub(Duration::from_hours(24)));
    let current = issue_self_signed_tls("127.0.0.1", &SystemRng, made, LIFE).unwrap();
    let old = Kept { current, next: None, previous: None };
    let data: serde_json::Map<String, Value> = old
        .data()
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), serde_json::to_value(ByteString(value?)).ok()?)))
        .collect();
    let labels = json!({"app.kubernetes.io/component": "webhook"});
    let secret =
        json!({"metadata": {"name": SERVICE, "labels": labels}, "type": "kubernetes.io/tls", "data": data});
    secrets.create(&PostParams::default(), &serde_json::from_value(secret).unwrap()).await.unwrap();

    let _webhook = hook.webhook(clock.clone()).await;
    hook.guarded();
    let (refused, passed, stop) =
        (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let calls = tokio::spawn({
        let (refused, passed, stop) = (refused.clone(), passed.clone(), stop.clone());
        let providers: Api<IdentityProvider> = Api::namespaced(client.clone(), "hq");
        let bad: IdentityProvider = serde_json::from_value(bad_provider("rotated")).unwrap();
        let dry = PostParams { dry_run: true, ..PostParams::default() };
        async move {
            while !stop.load(Ordering::SeqCst) {
                // With failurePolicy Ignore a call that fails is one that passes.
                match providers.create(&dry, &bad).await {
                    Ok(_) => passed.fetch_add(1, Ordering::SeqCst),
                    Err(_) => refused.fetch_add(1, Ordering::SeqCst),
                };
            }
        }
    });
    let until_trusted = async |what: &str, first: usize| {
        let all: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
        let old = &old.current.certificate;
        let in_turn = |both: &[_]| both.len() == 2 && both.iter().position(|der| der == old) == Some(first);
        let looking =
            await_condition(all, CONFIGURATION, |found: Option<&ValidatingWebhookConfiguration>| {
                found.is_some_and(|found| in_turn(&trusted(found)))
            });
        let found = tokio::time::timeout(PATIENCE, looking).await;
        trusted(&found.unwrap_or_else(|_| panic!("not in time: {what}")).unwrap().unwrap())
    };
    let more_calls = async || {
        let before = refused.load(Ordering::SeqCst);
        while refused.load(Ordering::SeqCst) < before + 20 {
            tokio::task::yield_now().await;
        }
    };
    let both = until_trusted("the next certificate is trusted", 0).await;
    more_calls().await;
    clock.advance(OVERLAP);
    let turned = until_trusted("the next certificate takes its turn", 1).await;
    assert_eq!(turned[0], both[1]);
    more_calls().await;
    stop.store(true, Ordering::SeqCst);
    calls.await.unwrap();
    let (refused, passed) = (refused.load(Ordering::SeqCst), passed.load(Ordering::SeqCst));
    println!("{refused} bad objects were refused and {passed} passed while the certificate was replaced");
    assert_eq!(passed, 0);
    let served = secrets.get(SERVICE).await.unwrap().data.unwrap();
    assert_eq!(certificates_from_pem(&served["tls.crt"].0).unwrap(), [both[1].clone()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn helm_and_the_operator_share_the_configuration_without_a_conflict_and_with_few_rights() {
    let hook = Hook::new();
    hook.kubectl(&["create", "namespace", "hq"], "").unwrap();
    hook.install(&["--set", "watchNamespaces={hq}"]).unwrap();
    let requests = Metrics::new(&wickr_telemetry::Metrics::new("operator")).unwrap().requests();
    let settings = Settings::new(hook.listen, SYSTEM, SERVICE, CONFIGURATION);
    let client = hook.client(Some(ACCOUNT)).await;
    let clock = Arc::new(SystemClock::new());
    let keeper = Keeper::new(&client, &settings, clock, Arc::new(SystemRng), requests.clone());
    let first = keeper.look().await.unwrap().current.certificate;
    let writes =
        || VERBS.iter().filter(|verb| **verb != "get").map(|verb| requests.so_far(verb)).sum::<u64>();
    assert_eq!(writes(), 2);

    for values in [&["--set", "log.filter=debug", "--set", "watchNamespaces={hq}"][..], &[], &[]] {
        hook.install(values).unwrap();
        assert_eq!(keeper.look().await.unwrap().current.certificate, first);
    }
    assert_eq!(writes(), 2, "an upgrade leaves the operator's field alone");
    hook.helm(&["uninstall", "wickr-operator"]).unwrap();
    keeper.look().await.expect_err("configuration and rights are gone");
    hook.install(&["--set", "watchNamespaces={hq}"]).unwrap();
    keeper.look().await.unwrap();

    let can = |verb: &str, object: &str, namespace: &str| {
        let asked = ["auth", "can-i", verb, object, "-n", namespace, "--as", ACCOUNT];
        hook.kubectl(&asked, "").is_ok_and(|said| said.starts_with("yes"))
    };
    assert!(can("get", &format!("secrets/{SERVICE}"), SYSTEM) && can("create", "secrets", SYSTEM));
    assert!(!can("get", "secrets/other", SYSTEM) && !can("list", "secrets", SYSTEM));
    assert!(!can("patch", "secrets/other", SYSTEM) && !can("delete", &format!("secrets/{SERVICE}"), SYSTEM));
    let configurations = "validatingwebhookconfigurations.admissionregistration.k8s.io";
    assert!(can("patch", &format!("{configurations}/{CONFIGURATION}"), SYSTEM));
    assert!(
        !can("patch", &format!("{configurations}/other"), SYSTEM) && !can("create", configurations, SYSTEM)
    );

    hook.install(&["--set", "webhook.enabled=false"]).unwrap();
    let left = hook.kubectl(&["get", configurations, "-o", "name"], "").unwrap();
    assert!(!left.contains(CONFIGURATION), "{left}");
    let typo = hook.install(&["--set", "webhook.enable=false"]).unwrap_err();
    assert!(typo.contains("enable"), "{typo}");
}
