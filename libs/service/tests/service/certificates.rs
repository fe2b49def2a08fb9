//! Who gets in at the admin port, and certificates that change while the service runs.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use wickr_base::SystemClock;
use wickr_pki::CertificateDer;
use wickr_pki::tls::ALPN_HTTP1;
use wickr_service::Service;
use wickr_service::testing::TestNetwork;
use wickr_telemetry::Metrics;

use crate::running::{GRANTS, Running, SOON, http, json_of};

#[tokio::test]
async fn each_workload_may_do_what_the_table_says_and_nothing_else() {
    let running = Running::start().await;
    for (role, path, status) in [
        ("operator", "/status", 200),
        ("sso", "/only-sso", 200),
        ("relay", "/only-relay", 200),
        ("sso", "/status", 403),
        ("operator", "/only-sso", 403),
        ("sso", "/only-relay", 403),
    ] {
        let answer = running.admin(role).get(running.admin_url(path)).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{role} {path}");
        if status == 403 {
            let problem = json_of(answer).await;
            assert_eq!(problem["code"], "forbidden");
            assert!(problem["detail"].as_str().unwrap().contains(role));
        }
    }
    // A method that stands in no line.
    let answer = running.admin("operator").head(running.admin_url("/status")).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 403);
    assert_eq!(running.stop().await.cut, 0);
}

#[tokio::test]
async fn status_holds_the_services_own_part_the_documents_number_and_the_gates() {
    let running = Running::start().await;
    let status = running.status().await;
    assert_eq!((&status["rooms"], &status["document"]), (&3.into(), &1.into()));
    assert!(status["gates"].as_array().unwrap().iter().all(|gate| gate["open"] == true), "{status}");
    assert_eq!(running.readiness().await.0, 200);
}

#[tokio::test]
async fn a_workload_without_a_line_in_the_table_does_not_get_through_the_handshake() {
    let running = Running::start().await;
    let refused = running.admin("bots").get(running.admin_url("/status")).send().await;
    assert!(refused.is_err());
    let nobody = http(running.network.public_client(&[ALPN_HTTP1]));
    assert!(nobody.get(running.admin_url("/status")).send().await.is_err());
}

#[tokio::test]
async fn the_right_name_under_another_authority_does_not_get_through_the_handshake() {
    let running = Running::start().await;
    let other = TestNetwork::new("hq.example", Arc::clone(&running.network.clock));
    // Its client trusts our issuer, so that it is the server who refuses.
    let mine = running.network.workload_issuer.certificate.clone();
    let identity = wickr_pki::tls::Identity::from_material(&other.workload("operator"));
    let trust = wickr_pki::tls::WorkloadTrust {
        anchors: vec![mine],
        allowed: vec![wickr_base::SpiffeId::new(other.domain.clone(), "relay")],
    };
    let tls = wickr_pki::tls::client_config(
        Some(&identity),
        wickr_pki::tls::ServerTrust::Workload(trust),
        &[ALPN_HTTP1],
        Arc::clone(&running.network.clock),
    )
    .unwrap();
    assert!(http(tls).get(running.admin_url("/status")).send().await.is_err());
    // And a client of ours refuses a server that is not whom it expects.
    let tls = running.network.workload_client("operator", &["sso"]);
    assert!(http(tls).get(running.admin_url("/status")).send().await.is_err());
}

async fn shown(running: &Running) -> CertificateDer<'static> {
    let socket = running.dial().await.unwrap();
    socket.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

fn often(service: &mut Service) {
    service.look_every(Duration::from_millis(20));
}

#[tokio::test]
async fn a_new_certificate_is_shown_on_the_same_port_without_a_restart() {
    let running = Running::start_with(Router::new(), SOON, often).await;
    let old = shown(&running).await;
    let new = running.network.public("127.0.0.1");
    running.network.write(running.folder.path(), "public", &new);
    tokio::time::timeout(SOON, async { while shown(&running).await != new.certificate {} }).await.unwrap();
    assert_ne!(old, new.certificate);
}

#[tokio::test]
async fn a_bad_new_certificate_keeps_the_old_one_and_says_so_in_the_status() {
    let running = Running::start_with(Router::new(), SOON, often).await;
    let old = shown(&running).await;
    std::fs::write(&running.config.tls.public.certificate, "no certificate").unwrap();
    let detail = tokio::time::timeout(SOON, async {
        loop {
            let status = running.status().await;
            let gates = status["gates"].as_array().unwrap().clone();
            let gate = gates.iter().find(|gate| gate["name"] == "public-certificate").unwrap().clone();
            if let Some(detail) = gate["detail"].as_str() {
                assert_eq!(gate["open"], true);
                return detail.to_owned();
            }
        }
    })
    .await
    .unwrap();
    assert!(detail.contains("public.crt") && detail.contains("still in use"), "{detail}");
    assert_eq!(shown(&running).await, old);
    assert_eq!(running.readiness().await.0, 200);
}

#[tokio::test]
async fn a_successor_of_the_issuer_is_trusted_and_then_signs_while_connections_go_on() {
    let running = Running::start_with(Router::new(), SOON, often).await;
    let (network, folder) = (&running.network, running.folder.path());
    let key = |certificate: &CertificateDer<'_>| wickr_pki::root_pin(certificate).unwrap().to_string();
    let (rng, now) = (wickr_base::SystemRng, network.clock.now());
    let next = wickr_pki::new_issuer(&network.root, &network.domain, wickr_pki::Purpose::Workload, &rng, now)
        .unwrap();
    let issue = |role: &str| {
        let id = wickr_base::SpiffeId::new(network.domain.clone(), role);
        wickr_pki::issue_workload(&next, &id, &[], &rng, now, wickr_service::testing::LIFE).unwrap()
    };
    // Who is connected stays so to the end, whatever is loaded.
    let connected = running.admin("operator");
    let status = async || -> serde_json::Value {
        json_of(connected.get(running.admin_url("/status")).send().await.unwrap()).await["certificates"]
            .clone()
    };
    let told = async |what: &str, expected: serde_json::Value| {
        let waiting = async { while status().await[what] != expected {} };
        tokio::time::timeout(SOON, waiting).await.unwrap_or_else(|_| panic!("{what} is not {expected}"));
    };
    let present = network.workload_issuer.certificate.clone();
    told("trusts", serde_json::json!([key(&present)])).await;
    let both = [present.clone(), next.certificate.clone()];
    std::fs::write(&running.config.tls.workload.anchors, wickr_pki::certificates_to_pem(&both)).unwrap();
    told("trusts", serde_json::json!([key(&present), key(&next.certificate)])).await;
    let leaf = issue("relay");
    network.write(folder, "workload", &leaf);
    told("workload", key(&leaf.certificate).into()).await;
    // New connections: under the successor both ways.
    let trust = wickr_pki::tls::WorkloadTrust {
        anchors: vec![next.certificate.clone()],
        allowed: vec![wickr_base::SpiffeId::new(network.domain.clone(), "relay")],
    };
    let tls = wickr_pki::tls::client_config(
        Some(&wickr_pki::tls::Identity::from_material(&issue("operator"))),
        wickr_pki::tls::ServerTrust::Workload(trust),
        &[ALPN_HTTP1],
        Arc::clone(&network.clock),
    )
    .unwrap();
    let answer = http(tls).get(running.admin_url("/status")).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    // Then nobody under the one before gets in any more.
    let last = wickr_pki::certificates_to_pem(std::slice::from_ref(&next.certificate));
    std::fs::write(&running.config.tls.workload.anchors, last).unwrap();
    told("trusts", serde_json::json!([key(&next.certificate)])).await;
    assert!(running.admin("operator").get(running.admin_url("/status")).send().await.is_err());
}

#[tokio::test]
async fn a_client_of_other_services_follows_its_files() {
    let network = TestNetwork::new("hq.example", Arc::new(SystemClock::new()));
    let folder = tempfile::tempdir().unwrap();
    let document = network.document(1, "wss://127.0.0.1", "https://127.0.0.1");
    let config = network.config(folder.path(), "relay", &document, ());
    let clock = Arc::clone(&network.clock);
    let mut service = Service::open(&config, "relay", GRANTS, clock, Metrics::new("relay")).unwrap();
    service.look_every(Duration::from_millis(20));
    let client = service.workload_client(&["sso"]).unwrap();
    let mut follow = client.watch();
    let running = service.bind().await.unwrap();
    let routes = wickr_service::Routes {
        public: Router::new(),
        admin: Router::new(),
        status: wickr_service::status_fn(|| async { serde_json::Map::new() }),
    };
    let ended = tokio::spawn(running.run(routes));
    network.write(folder.path(), "workload", &network.workload("relay"));
    tokio::time::timeout(SOON, follow.changed()).await.unwrap().unwrap();
    ended.abort();
}

#[test]
fn a_service_without_its_certificate_does_not_begin_and_names_the_file() {
    let network = TestNetwork::new("hq.example", Arc::new(SystemClock::new()));
    let folder = tempfile::tempdir().unwrap();
    let document = network.document(1, "wss://127.0.0.1", "https://127.0.0.1");
    let config = network.config(folder.path(), "relay", &document, ());
    std::fs::remove_file(&config.tls.workload.key).unwrap();
    let clock = Arc::clone(&network.clock);
    let Err(error) = Service::open(&config, "relay", GRANTS, clock, Metrics::new("relay")) else {
        panic!("it began without a key");
    };
    assert!(error.to_string().contains("workload.key"), "{error}");
}
