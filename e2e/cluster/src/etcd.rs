//! etcd, for one API server on the same machine. Nothing here outlives a power cut, so nothing is fsynced.

use std::path::Path;
use std::process::Command;

/// Adds etcd's arguments: loopback only, plain HTTP.
pub(crate) fn arguments(command: &mut Command, data: &Path, client_port: u16, peer_port: u16) {
    let (client, peer) = (format!("http://127.0.0.1:{client_port}"), format!("http://127.0.0.1:{peer_port}"));
    command.arg(format!("--data-dir={}", data.display())).arg("--unsafe-no-fsync");
    command.arg(format!("--listen-client-urls={client}")).arg(format!("--advertise-client-urls={client}"));
    command.arg(format!("--listen-peer-urls={peer}")).arg(format!("--initial-advertise-peer-urls={peer}"));
    command.arg(format!("--initial-cluster=default={peer}"));
}
