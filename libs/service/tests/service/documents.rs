//! The network document: put, refused, kept, served, expired.

use std::sync::Arc;
use std::time::Duration;

use wickr_base::{ManualClock, UnixMillis};
use wickr_pki::tls::ALPN_HTTP1;
use wickr_pki::trust::{WELL_KNOWN, read_document};
use wickr_policy::NetworkDocument;
use wickr_service::testing::{LIFE, TestNetwork};
use wickr_service::{DocumentHolder, Gates, PutError};
use wickr_telemetry::Metrics;

use crate::running::{Running, http, json_of};

fn document(network: &TestNetwork, number: u64) -> NetworkDocument {
    network.document(number, "wss://127.0.0.1", "https://127.0.0.1")
}

#[tokio::test]
async fn what_the_operator_puts_is_served_to_everybody_and_an_older_one_is_refused() {
    let running = Running::start().await;
    let (operator, url) = (running.admin("operator"), running.admin_url("/document"));
    let network = &running.network;
    for (number, status) in [(2, 200), (2, 422), (1, 422), (3, 200)] {
        // Two signings of number 2 differ in their time, so that the second is another document.
        let mut document = document(network, number);
        document.issued_at = document.issued_at.minus(Duration::from_millis(u64::from(status == 422)));
        let answer = operator.put(&url).body(network.sign(&document)).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "number {number}");
        if status == 422 {
            assert_eq!(json_of(answer).await["code"], "document-refused");
        }
    }
    let client = http(network.public_client(&[ALPN_HTTP1]));
    let answer = client.get(running.public_url(WELL_KNOWN)).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/json");
    let body = answer.bytes().await.unwrap();
    let trusted = read_document(&body, &[network.pin()], network.clock.now()).unwrap();
    assert_eq!(trusted.document.number, 3);
    assert_eq!(running.status().await["document"], 3);
}

#[tokio::test]
async fn nobody_but_the_operator_puts_a_document_and_a_broken_one_changes_nothing() {
    let running = Running::start().await;
    let url = running.admin_url("/document");
    let good = running.network.sign(&document(&running.network, 2));
    let answer = running.admin("sso").put(&url).body(good).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 403);
    let stranger = TestNetwork::new("hq.example", Arc::clone(&running.network.clock));
    let foreign = stranger.sign(&document(&stranger, 9));
    let huge = bytes::Bytes::from(vec![b' '; 600 * 1024]);
    for (body, status) in [(foreign, 422), (bytes::Bytes::from_static(b"{}"), 422), (huge, 413)] {
        let answer = running.admin("operator").put(&url).body(body).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status);
    }
    assert_eq!(running.status().await["document"], 1);
}

struct Held {
    network: TestNetwork,
    clock: Arc<ManualClock>,
    folder: tempfile::TempDir,
    gates: Gates,
}

impl Held {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(UnixMillis(1_800_000_000_000)));
        let network = TestNetwork::new("hq.example", clock.clone());
        Self { network, clock, folder: tempfile::tempdir().unwrap(), gates: Gates::default() }
    }

    fn open(&self, boot: u64) -> DocumentHolder {
        let document = document(&self.network, boot);
        let config = self.network.config(self.folder.path(), "relay", &document, ());
        self.open_as_is(&config)
    }

    fn open_as_is(&self, config: &wickr_service::Config<()>) -> DocumentHolder {
        let paths = (config.document.as_path(), config.root.as_path(), config.data.as_path());
        let gate = self.gates.gate("document");
        let metrics = Metrics::new("relay");
        DocumentHolder::open(config.domain.clone(), paths, self.clock.clone(), gate, &metrics).unwrap()
    }

    fn detail(&self) -> String {
        self.gates.report().pop().unwrap().detail.unwrap_or_default()
    }
}

fn number(holder: &DocumentHolder) -> Option<u64> {
    holder.current().map(|held| held.document.number)
}

#[tokio::test]
async fn after_a_restart_the_newer_of_boot_copy_and_kept_copy_is_in_force() {
    let held = Held::new();
    let holder = held.open(1);
    let mut watch = holder.watch();
    holder.put(held.network.sign(&document(&held.network, 5))).await.unwrap();
    assert!(watch.has_changed().unwrap());
    assert_eq!(watch.borrow_and_update().as_ref().unwrap().document.number, 5);
    assert_eq!(number(&held.open(2)), Some(5));
    assert_eq!(number(&held.open(7)), Some(7));
}

#[tokio::test]
async fn the_same_document_again_is_fine_and_wakes_nobody() {
    let held = Held::new();
    let holder = held.open(1);
    let body = held.network.sign(&document(&held.network, 2));
    holder.put(body.clone()).await.unwrap();
    let watch = holder.watch();
    holder.put(body).await.unwrap();
    assert!(!watch.has_changed().unwrap());
}

#[tokio::test]
async fn without_a_boot_copy_the_gate_is_closed_and_the_first_put_opens_it() {
    let held = Held::new();
    let config = held.network.config(held.folder.path(), "relay", &document(&held.network, 1), ());
    std::fs::remove_file(&config.document).unwrap();
    let holder = held.open_as_is(&config);
    assert!(holder.current().is_none() && !held.gates.ready());
    assert!(held.detail().contains("document.json"), "{}", held.detail());
    holder.put(held.network.sign(&document(&held.network, 1))).await.unwrap();
    assert!(held.gates.ready());
}

#[tokio::test]
async fn an_expired_document_closes_the_gate_until_a_newer_one_is_put() {
    let held = Held::new();
    let first = held.open(1);
    let config = held.network.config(held.folder.path(), "relay", &document(&held.network, 1), ());
    held.clock.advance(LIFE);
    drop(first);
    let holder = held.open_as_is(&config);
    assert!(held.detail().contains("expired"), "{}", held.detail());
    let expired = held.network.sign(&NetworkDocument {
        expires_at: held.network.clock.now(),
        issued_at: UnixMillis(1),
        ..document(&held.network, 2)
    });
    assert!(matches!(holder.put(expired).await, Err(PutError::Trust(_))));
    holder.put(held.network.sign(&document(&held.network, 2))).await.unwrap();
    assert_eq!(held.detail(), "");
}

#[tokio::test]
async fn a_document_that_cannot_be_kept_does_not_come_into_force() {
    let held = Held::new();
    let holder = held.open(1);
    std::fs::remove_dir_all(held.folder.path().join("data")).unwrap();
    let refused = holder.put(held.network.sign(&document(&held.network, 2))).await;
    assert!(matches!(refused, Err(PutError::Save { .. })));
    assert_eq!(number(&holder), Some(1));
}
