//! The operator's binary as a process beside a real API server, and what a person does with kubectl there.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use wickr_cluster::{ControlPlane, until};

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// One replica; ended with the test, however that ends.
pub(crate) struct Replica {
    pub(crate) process: Child,
    address: SocketAddr,
}

impl Drop for Replica {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Replica {
    pub(crate) fn start(api: &ControlPlane, name: &str, faked: &[(&str, String)]) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_wickr-operator"));
        command.env("KUBECONFIG", api.kubeconfig()).envs(faked.iter().map(|(key, value)| (key, value)));
        command.args(["--instance", name, "--log-format", "text", "--listen", &address.to_string()]);
        let process = command.stderr(Stdio::inherit()).stdout(Stdio::inherit()).spawn().unwrap();
        let replica = Self { process, address };
        until(&format!("{name} is ready"), PATIENCE, || {
            Ok(replica.get("/readyz").filter(|answer| answer.contains("\"ready\":true")))
        })
        .unwrap();
        replica
    }

    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: operator\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    pub(crate) fn leads(&self) -> bool {
        self.get("/metrics").is_some_and(|numbers| numbers.contains("\nwickr_operator_leading 1\n"))
    }

    pub(crate) fn until_it_leads(&self, leads: bool) {
        until(&format!("leading is {leads}"), PATIENCE, || Ok((self.leads() == leads).then_some(())))
            .unwrap();
    }
}

pub(crate) fn kubectl(api: &ControlPlane, arguments: &[&str]) -> String {
    let said = api.kubectl().args(arguments).output().unwrap();
    assert!(said.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&said.stderr));
    String::from_utf8_lossy(&said.stdout).into_owned()
}

/// A network called `hq` in a namespace, with node ports `port` and `port + 1`.
pub(crate) fn network(namespace: &str, port: u16) -> Value {
    json!({"apiVersion": "wickr.dev/v1alpha1", "kind": "WickrNetwork", "metadata": {"name": "hq", "namespace": namespace},
           "spec": {"domain": format!("{namespace}.example"),
                    "storage": {"embedded": {"size": "1Gi", "storageClassName": "local"}},
                    "exposure": {"hostname": format!("chat.{namespace}.example"),
                                 "service": {"relayPort": port, "ssoPort": port + 1}}}})
}

/// Gives an API server our kinds, the operator's namespace, these ones, and a storage class.
pub(crate) fn furnish(api: &ControlPlane, namespaces: &[&str]) {
    for definition in wickr_operator_api::crds() {
        api.apply(&serde_json::to_string(&definition).unwrap()).unwrap();
    }
    for name in [&["wickr-system"], namespaces].concat() {
        api.apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}).to_string())
            .unwrap();
    }
    let class = json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "local"},
                       "provisioner": "test/none"});
    api.apply(&class.to_string()).unwrap();
}
