//! The services' configuration files, and where in the pod each file they name lies (mounted by `pods`).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use serde::Serialize;

use super::metadata;
use crate::hash::hash;
use crate::network::ValidNetwork;
use crate::network::keys::{CERTIFICATE, ISSUED_BY, PRIVATE_KEY, SEAL};
use crate::network::seen::{DOCUMENT_KEY, ROOT_KEY};
use crate::{ADMIN_PORT, Env, METRICS_PORT, PUBLIC_PORT, Role, labels};

/// Where the data volume is mounted.
pub(super) const DATA: &str = "/var/lib/wickr";
/// Below it lie configuration, keys and document.
pub(super) const ETC: &str = "/etc/wickr";
/// Key of the ConfigMap, and name of the file.
pub(super) const FILE: &str = "config.yaml";

/// A role's configuration.
pub(super) struct Config {
    pub(super) role: Role,
    /// Its ConfigMap.
    pub(super) map: ConfigMap,
    /// What changes when the file does; pods read it once.
    pub(super) hash: String,
}

#[derive(Serialize)]
struct File {
    domain: String,
    data: String,
    listen: Listen,
    tls: Tls,
    document: String,
    root: String,
    drain: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    relay: Option<Relay>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sso: Option<Sso>,
}

#[derive(Serialize)]
struct Listen {
    public: String,
    admin: String,
    metrics: String,
}

#[derive(Serialize)]
struct Tls {
    public: KeyFiles,
    workload: WorkloadFiles,
}

#[derive(Serialize)]
struct KeyFiles {
    certificate: String,
    key: String,
}

#[derive(Serialize)]
struct WorkloadFiles {
    certificate: String,
    key: String,
    anchors: String,
}

#[derive(Serialize)]
struct Relay {
    external_sender: KeyFiles,
    sso: String,
}

#[derive(Serialize)]
struct Sso {
    device_issuer: KeyFiles,
    seal_key: String,
    public_url: String,
}

/// What a role's pod mounts below `ETC`: a folder and the Secret or ConfigMap behind it.
pub(super) const TLS: &str = "tls";
pub(super) const PUBLIC_TLS: &str = "public-tls";
pub(super) const DOCUMENT: &str = "document";
pub(super) const EXTERNAL_SENDER: &str = "external-sender";
pub(super) const DEVICE_ISSUER: &str = "device-issuer";
pub(super) const SEALING: &str = "seal";
pub(super) const CONFIG: &str = "config";

pub(super) fn config(network: &ValidNetwork, env: &Env, role: Role) -> Config {
    let file = File {
        domain: network.domain.to_string(),
        data: DATA.to_owned(),
        listen: Listen { public: on(PUBLIC_PORT), admin: on(ADMIN_PORT), metrics: on(METRICS_PORT) },
        tls: Tls {
            public: key_files(PUBLIC_TLS),
            workload: WorkloadFiles {
                certificate: path(TLS, CERTIFICATE),
                key: path(TLS, PRIVATE_KEY),
                anchors: path(TLS, ISSUED_BY),
            },
        },
        document: path(DOCUMENT, DOCUMENT_KEY),
        root: path(DOCUMENT, ROOT_KEY),
        drain: format!("{}s", env.drain.as_secs()),
        relay: (role == Role::Relay).then(|| Relay {
            external_sender: key_files(EXTERNAL_SENDER),
            sso: network.names.admin_url(Role::Sso),
        }),
        sso: (role == Role::Sso).then(|| Sso {
            device_issuer: key_files(DEVICE_ISSUER),
            seal_key: path(SEALING, SEAL),
            public_url: network.exposure.sso.to_string(),
        }),
    };
    let text = text(&file);
    let hash = hash(text.as_bytes());
    let map = ConfigMap {
        metadata: metadata::of_role(network, network.names.config(role), role),
        data: Some(BTreeMap::from([(FILE.to_owned(), text)])),
        ..ConfigMap::default()
    };
    Config { role, map, hash }
}

/// An empty configuration would stop every pod that reads it: rather none.
#[expect(clippy::expect_used, reason = "texts and maps only: there is nothing in it that YAML can't say")]
fn text(file: &File) -> String {
    serde_yaml::to_string(file).expect("a configuration has a YAML form")
}

/// The ConfigMap of the signed document; its content is made in apply.
pub(super) fn document_map(network: &ValidNetwork) -> ConfigMap {
    let labels = labels::of_network(&network.names.network);
    ConfigMap { metadata: metadata::owned(network, network.names.document(), labels), ..ConfigMap::default() }
}

fn on(port: u16) -> String {
    format!("[::]:{port}")
}

fn key_files(folder: &str) -> KeyFiles {
    KeyFiles { certificate: path(folder, CERTIFICATE), key: path(folder, PRIVATE_KEY) }
}

fn path(folder: &str, file: &str) -> String {
    format!("{ETC}/{folder}/{file}")
}
