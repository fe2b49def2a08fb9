//! How the operator asks services, against a service made of libs/service: status, document, and who is believed.

#![expect(clippy::unwrap_used, reason = "what a test needs and does not find fails it")]

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use http::Method;
use serde_json::json;
use wickr_base::{Clock, SpiffeId, SystemClock};
use wickr_operator::services::{Answer, Call, Contacts, Credentials, Question, Services, Target};
use wickr_operator_core::Role;
use wickr_operator_kube::{Ask as _, Key, TIMEOUT};
use wickr_pki::KeyMaterial;
use wickr_policy::{Der, RootPin};
use wickr_service::testing::TestNetwork;
use wickr_service::{Addresses, Routes, Service, status_fn};

struct Bench {
    network: TestNetwork,
    contacts: Arc<Contacts>,
    addresses: Addresses,
    _folder: tempfile::TempDir,
}

fn key() -> Key {
    Key::new("hq", "hq")
}

async fn bench() -> Bench {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let network = TestNetwork::new("hq.example", clock.clone());
    let folder = tempfile::tempdir().unwrap();
    let document = network.document(1, "wss://chat.hq.example", "https://chat.hq.example");
    let config = network.config(folder.path(), "relay", &document, ());
    let metrics = wickr_telemetry::Metrics::new("relay");
    let service = Service::open(&config, "relay", &[], clock.clone(), metrics).unwrap();
    let bound = service.bind().await.unwrap();
    let addresses = bound.addresses();
    let canary = json!({"canary": {"ok": true, "at": clock.now().to_string(), "error": null}, "disk": {"free": 9, "total": 10}});
    let status = status_fn(move || {
        let canary = canary.clone();
        async move { canary.as_object().cloned().unwrap_or_default() }
    });
    tokio::spawn(bound.run(Routes { public: Router::new(), admin: Router::new(), status }));
    let contacts = Arc::new(Contacts::default());
    let bench = Bench { network, contacts, addresses, _folder: folder };
    bench.keep(bench.network.workload("operator"), bench.network.pin());
    bench
}

impl Bench {
    fn keep(&self, operator: KeyMaterial, root: RootPin) {
        let issuer = Der::new(self.network.workload_issuer.certificate.to_vec());
        let credentials =
            Credentials { operator, workload: vec![issuer.clone()], public: vec![issuer], root };
        self.contacts.keep(&key(), credentials, &self.network.clock);
    }

    async fn ask(&self, address: SocketAddr, question: Question) -> Result<Answer, String> {
        let target = Target {
            network: key(),
            role: Role::Relay,
            pod: "hq-relay-0".to_owned(),
            host: address.ip().to_string(),
            port: address.port(),
            question,
        };
        Services::new(self.contacts.clone()).ask(&target).await
    }

    async fn status(&self, of: &str) -> Result<Answer, String> {
        let id = SpiffeId::new("hq.example".parse().unwrap(), of);
        self.ask(self.addresses.admin, Question::Status(id)).await
    }
}

#[tokio::test]
async fn status_and_document_are_read_and_a_newer_document_is_taken() {
    let bench = bench().await;
    let Answer::Relay(answer) = bench.status("relay").await.unwrap() else { panic!("a relay's status") };
    assert_eq!((answer.document, answer.canary.ok), (1, true));
    let listener = Question::Document("127.0.0.1".to_owned());
    let Answer::Public(public) = bench.ask(bench.addresses.public, listener.clone()).await.unwrap() else {
        panic!("a public listener")
    };
    assert_eq!(public.document, 1);
    let newer = bench.network.document(2, "wss://chat.hq.example", "https://chat.hq.example");
    let call = Call {
        host: "127.0.0.1",
        port: bench.addresses.admin.port(),
        name: "127.0.0.1",
        tls: bench
            .contacts
            .get(&key())
            .unwrap()
            .admin(&"spiffe://hq.example/relay".parse().unwrap())
            .unwrap(),
        method: Method::PUT,
        path: "/document",
        body: bench.network.sign(&newer).to_vec(),
        within: TIMEOUT,
    };
    call.make().await.unwrap();
    let Answer::Relay(answer) = bench.status("relay").await.unwrap() else { panic!("a relay's status") };
    assert_eq!(answer.document, 2);
}

#[tokio::test]
async fn another_workload_another_name_another_root_and_no_key_are_each_told() {
    let bench = bench().await;
    let other = bench.status("sso").await.unwrap_err();
    assert!(other.contains("TLS with 127.0.0.1"), "{other}");
    let name = bench
        .ask(bench.addresses.public, Question::Document("chat.hq.example".to_owned()))
        .await
        .unwrap_err();
    assert!(name.contains("TLS with 127.0.0.1"), "{name}");
    bench.keep(bench.network.workload("operator"), RootPin([7; 32]));
    bench.contacts.forget(&key());
    bench.keep(bench.network.workload("operator"), RootPin([7; 32]));
    let root =
        bench.ask(bench.addresses.public, Question::Document("127.0.0.1".to_owned())).await.unwrap_err();
    assert!(root.contains("root"), "{root}");
    bench.contacts.forget(&key());
    bench.keep(bench.network.workload("relay"), bench.network.pin());
    let stranger = bench.status("relay").await.unwrap_err();
    assert!(!stranger.is_empty());
    bench.contacts.forget(&key());
    assert!(bench.status("relay").await.unwrap_err().contains("keys are not there"));
}

#[tokio::test]
async fn nobody_listening_is_told_with_the_address() {
    let bench = bench().await;
    let nobody = "127.0.0.1:1".parse().unwrap();
    let id = SpiffeId::new("hq.example".parse().unwrap(), "relay");
    let error = bench.ask(nobody, Question::Status(id)).await.unwrap_err();
    assert!(error.contains("connecting to 127.0.0.1:1"), "{error}");
}
