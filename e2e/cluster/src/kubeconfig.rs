//! Kubeconfig files that carry their certificates, so that they can be copied anywhere.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::pki::{Authority, Identity};

/// Writes one for `identity` at `path`. JSON is YAML.
pub(crate) fn write(
    path: &Path,
    cluster: &str,
    server: SocketAddr,
    authority: &Authority,
    identity: &Identity,
) -> Result<()> {
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster, "cluster": {
            "server": format!("https://{server}"),
            "certificate-authority-data": encoded(&authority.certificate())?,
        }}],
        "users": [{"name": cluster, "user": {
            "client-certificate-data": encoded(&identity.certificate)?,
            "client-key-data": encoded(&identity.key)?,
        }}],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": cluster}}],
        "current-context": cluster,
    });
    std::fs::write(path, format!("{config:#}")).with_context(|| format!("writing {}", path.display()))
}

fn encoded(path: &Path) -> Result<String> {
    Ok(STANDARD.encode(std::fs::read(path).with_context(|| format!("reading {}", path.display()))?))
}
