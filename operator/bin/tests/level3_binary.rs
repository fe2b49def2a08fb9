//! The binary itself against a real API server: it starts, says that it is ready and why not, counts, and stops when told.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use wickr_cluster::{ControlPlane, until};

const PATIENCE: Duration = Duration::from_secs(30);

/// Ended with the test, however that ends.
struct Operator(Child);

impl Drop for Operator {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn get(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: operator\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

fn shows(address: SocketAddr, path: &str, wanted: &str) -> anyhow::Result<String> {
    let what = format!("{path} to contain {wanted}");
    until(&what, PATIENCE, || Ok(get(address, path).filter(|found| found.contains(wanted))))
}

#[test]
fn the_operator_becomes_ready_counts_and_stops_when_told() {
    let api = ControlPlane::start().unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_wickr-operator"));
    command.env("KUBECONFIG", api.kubeconfig()).args([
        "--listen",
        &address.to_string(),
        "--log-format",
        "text",
    ]);
    let mut operator = Operator(command.stderr(Stdio::inherit()).spawn().unwrap());

    let without = shows(address, "/readyz", "404 page not found").unwrap();
    assert!(without.contains("503") && without.contains("wickrnetworks.wickr.dev"), "{without}");
    for definition in wickr_operator_api::crds() {
        api.apply(&serde_json::to_string(&definition).unwrap()).unwrap();
    }
    // Nobody can lead where the lease can't be made.
    let without = shows(address, "/readyz", "wickr-system").unwrap();
    assert!(
        without.contains("503") && without.contains("keeping Lease wickr-system/wickr-operator"),
        "{without}"
    );
    api.apply(r#"{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "wickr-system"}}"#).unwrap();
    shows(address, "/readyz", "\"ready\":true").unwrap();
    assert!(get(address, "/livez").unwrap().contains("alive"));
    let numbers = get(address, "/metrics").unwrap();
    assert!(numbers.contains("wickr_operator_requests_total{verb=\"create\"} 0"), "{numbers}");

    let pid = operator.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let ended = operator.0.wait().unwrap();
    assert!(ended.success(), "{ended}");
}
