//! The webhook's Secret and the configuration's `caBundle`, kept by two replicas over a fake API server.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::sync::Arc;

use serde_json::{Value, json};
use wickr_base::{ManualClock, SystemRng, UnixMillis};
use wickr_operator::webhook::{KeepError, Keeper, Settings};
use wickr_operator_kube::Metrics;
use wickr_operator_testkit::fake_cluster::{FakeCluster, Fault};
use wickr_operator_webhook::certificate::{Kept, LIFE, OVERLAP};
use wickr_pki::{CertificateDer, certificates_from_pem};

const CONFIGURATIONS: &str = "validatingwebhookconfigurations";
const NAME: &str = "wickr-operator-wickr-system";

/// Two replicas by one clock.
struct Bench {
    cluster: FakeCluster,
    clock: Arc<ManualClock>,
    replicas: [Keeper; 2],
}

fn bench() -> Bench {
    let cluster = FakeCluster::new();
    let clock = Arc::new(ManualClock::at(UnixMillis(1_800_000_000_000)));
    let settings =
        Settings::new("127.0.0.1:0".parse().unwrap(), "wickr-system", "wickr-operator-webhook", NAME);
    let replicas = [(); 2].map(|()| {
        let requests = Metrics::new(&wickr_telemetry::Metrics::new("operator")).unwrap().requests();
        Keeper::new(&cluster.client(), &settings, clock.clone(), Arc::new(SystemRng), requests)
    });
    Bench { cluster, clock, replicas }
}

/// What the chart renders.
fn configuration() -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": NAME},
        "webhooks": [{
            "name": "validate.wickr.dev", "admissionReviewVersions": ["v1"], "sideEffects": "None",
            "clientConfig": {"service": {"name": "wickr-operator-webhook", "namespace": "wickr-system"}},
        }],
    })
}

impl Bench {
    fn installed() -> Self {
        let bench = bench();
        bench.cluster.put(CONFIGURATIONS, &configuration());
        bench
    }

    /// Both look, one after the other, and serve the same.
    async fn look(&self) -> Kept {
        let first = self.replicas[0].look().await.unwrap();
        let second = self.replicas[1].look().await.unwrap();
        assert_eq!(first.current.certificate, second.current.certificate);
        second
    }

    fn trusted(&self) -> Vec<CertificateDer<'static>> {
        let found = self.cluster.get(CONFIGURATIONS, "", NAME).unwrap();
        let bundle = found["webhooks"][0]["clientConfig"]["caBundle"].clone();
        let bundle: k8s_openapi::ByteString = serde_json::from_value(bundle).unwrap();
        certificates_from_pem(&bundle.0).unwrap()
    }

    fn secret(&self) -> Value {
        self.cluster.get("secrets", "wickr-system", "wickr-operator-webhook").unwrap()
    }

    fn writes(&self) -> Vec<String> {
        self.cluster.take_writes().iter().map(ToString::to_string).collect()
    }
}

#[tokio::test]
async fn the_first_look_makes_a_certificate_and_has_it_trusted_and_the_next_ones_write_nothing() {
    let bench = Bench::installed();
    let kept = bench.look().await;
    assert_eq!(bench.trusted(), [kept.current.certificate]);
    let writes = bench.writes();
    assert_eq!(writes.len(), 2, "{writes:?}");
    bench.look().await;
    assert_eq!(bench.writes(), Vec::<String>::new());
    let owner = bench.secret()["metadata"]["ownerReferences"][0].clone();
    assert_eq!((&owner["kind"], &owner["name"]), (&json!("ValidatingWebhookConfiguration"), &json!(NAME)));
}

#[tokio::test]
async fn exactly_the_one_field_of_the_configuration_is_ours() {
    let bench = Bench::installed();
    bench.look().await;
    let found = bench.cluster.get(CONFIGURATIONS, "", NAME).unwrap();
    let managers = found["metadata"]["managedFields"].as_array().unwrap();
    let ours = managers.iter().find(|entry| entry["manager"] == "wickr-webhook").unwrap();
    let fields = ours["fieldsV1"].to_string();
    assert!(
        fields.contains("f:caBundle") && !fields.contains("f:service") && !fields.contains("f:rules"),
        "{fields}"
    );
    assert_eq!(found["webhooks"][0]["clientConfig"]["service"]["name"], "wickr-operator-webhook");
}

#[tokio::test]
async fn a_certificate_near_its_end_is_replaced_while_both_are_trusted() {
    let bench = Bench::installed();
    let first = bench.look().await.current.certificate;
    bench.clock.advance(LIFE.mul_f64(0.7));
    assert_eq!(bench.look().await.current.certificate, first, "the next one is trusted before it is served");
    let both = bench.trusted();
    assert_eq!((both.len(), &both[0]), (2, &first));
    bench.clock.advance(OVERLAP);
    let second = bench.look().await.current.certificate;
    assert_eq!((&second, bench.trusted()), (&both[1], vec![second.clone(), first]));
    assert!(bench.secret()["data"]["next.key"].is_null());
    bench.writes();
    bench.look().await;
    assert_eq!(bench.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn of_two_replicas_that_write_at_once_one_wins_and_the_other_serves_the_winners() {
    let bench = Bench::installed();
    let (first, second) = tokio::join!(bench.replicas[0].look(), bench.replicas[1].look());
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first.current.certificate, second.current.certificate);
    assert_eq!(bench.trusted(), [first.current.certificate]);
}

#[tokio::test]
async fn a_helm_upgrade_and_a_lost_bundle_or_secret_are_put_right() {
    let bench = Bench::installed();
    let first = bench.look().await.current.certificate;
    bench.cluster.edit(CONFIGURATIONS, "", NAME, "kubectl", |found| {
        found["webhooks"][0]["clientConfig"]["caBundle"] = "".into();
    });
    bench.look().await;
    assert_eq!(bench.trusted(), [first]);
    bench.cluster.remove("secrets", "wickr-system", "wickr-operator-webhook");
    let second = bench.look().await.current.certificate;
    assert_eq!(bench.trusted(), [second]);
    bench.cluster.edit("secrets", "wickr-system", "wickr-operator-webhook", "kubectl", |found| {
        found["data"]["tls.key"] = "bm9uc2Vuc2U=".into();
    });
    let third = bench.look().await.current.certificate;
    assert_eq!(bench.trusted(), [third]);
}

#[tokio::test]
async fn what_is_missing_or_somebody_elses_is_named_with_what_to_do() {
    let bench = bench();
    let error = bench.replicas[0].look().await.unwrap_err();
    assert!(matches!(error, KeepError::NoConfiguration { .. }), "{error}");
    assert!(error.to_string().contains("webhook.enabled=true"), "{error}");
    assert_eq!(bench.writes(), Vec::<String>::new(), "nobody would call the webhook: nothing is made");
    bench.cluster.put(CONFIGURATIONS, &configuration());
    let theirs = json!({"apiVersion": "v1", "kind": "Secret", "data": {"tls.crt": "eA=="},
                        "metadata": {"name": "wickr-operator-webhook", "namespace": "wickr-system"}});
    bench.cluster.put("secrets", &theirs);
    let error = bench.replicas[0].look().await.unwrap_err();
    assert!(error.to_string().contains("delete it, or rename the release"), "{error}");
    assert_eq!(bench.secret()["data"], theirs["data"], "what is somebody else's stays");
    bench.cluster.fault(Fault::next("get", "secrets", 1, 500));
    assert!(matches!(bench.replicas[0].look().await, Err(KeepError::Read { .. })));
}
