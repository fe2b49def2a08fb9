//! What runs beside the clusters: a real identity provider and a real Prometheus.

use std::path::Path;
use std::time::Duration;

use wickr_cluster::{Client, HOST, Keycloak, Prometheus, Service, until};

const NAME: &str = "sso.harness.example";
const PORT: u16 = 18443;
const DISCOVERY: &str = "/realms/hq/.well-known/openid-configuration";

#[test]
fn the_identity_provider_answers_under_its_own_name_and_survives_a_restart() {
    let realm = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../manifests/demo/keycloak/realm.json");
    let mut keycloak = Keycloak::up(NAME, PORT, &realm).unwrap().tied().unwrap();
    let client = Client::trusting(&keycloak.ca()).unwrap();
    let ask = |path: &str| client.get((HOST, PORT).into(), NAME, path);

    let (status, discovery) = ask(DISCOVERY).unwrap();
    assert_eq!(status, 200);
    assert!(discovery.contains(&format!("\"issuer\":\"{}\"", keycloak.issuer())), "{discovery}");
    assert!(discovery.contains("\"device_authorization_endpoint\""), "{discovery}");
    let (_, keys) = ask("/realms/hq/protocol/openid-connect/certs").unwrap();

    keycloak.stop().unwrap();
    assert!(ask(DISCOVERY).is_err(), "it is stopped");
    keycloak.start_again().unwrap();
    assert_eq!(ask("/realms/hq/protocol/openid-connect/certs").unwrap().1, keys, "the same keys as before");

    drop(keycloak);
    assert!(ask(DISCOVERY).is_err(), "it ended with its owner");
    assert!(!Service::list().contains(&NAME.to_owned()));
}

#[test]
fn prometheus_scrapes_and_answers() {
    let configuration = "
global: {scrape_interval: 1s}
scrape_configs:
  - job_name: itself
    static_configs: [{targets: ['10.250.0.1:19090']}]
";
    let prometheus =
        Prometheus::up("harness-prometheus", configuration, (HOST, 19090).into()).unwrap().tied().unwrap();
    let scraped = until("a scrape", Duration::from_secs(20), || {
        Ok(prometheus.query("up{job=\"itself\"} == 1")?.into_iter().next())
    });
    assert_eq!(scraped.unwrap()["metric"]["instance"], "10.250.0.1:19090");
    assert_eq!(prometheus.targets().unwrap()[0]["health"], "up");
    assert!(prometheus.query("nonsense(").is_err());
    assert!(Prometheus::up("harness-prometheus", "nonsense: 1", (HOST, 19090).into()).is_err());
}
