//! The sides of TLS that a service has, each made from its files (read again by `reload`).

use std::path::PathBuf;
use std::sync::Arc;

use rustls::{ClientConfig, ServerConfig};
use wickr_base::{Clock, SpiffeId, UnixMillis};
use wickr_pki::tls::{
    ALPN_H2, ALPN_HTTP1, Identity, ServerTrust, WorkloadTrust, client_config, server_config,
};
use wickr_pki::{KeyMaterial, PkiError, certificates_from_pem, describe};

use crate::WorkloadFiles;

/// Certificate, key, anchors: the order that the sides below expect.
pub(crate) fn workload_paths(files: &WorkloadFiles) -> Vec<PathBuf> {
    vec![files.certificate.clone(), files.key.clone(), files.anchors.clone()]
}

/// What a set of files makes, and when its certificate ends.
type Side<T> = Result<(Arc<T>, UnixMillis), PkiError>;

/// Towards clients.
pub(crate) fn public_side(contents: &[Vec<u8>], clock: Arc<dyn Clock>) -> Side<ServerConfig> {
    let (identity, not_after) = identity(contents)?;
    Ok((server_config(&identity, None, &[ALPN_H2, ALPN_HTTP1], clock)?, not_after))
}

/// Towards operator and services, as server.
pub(crate) fn admin_side(
    contents: &[Vec<u8>],
    allowed: &[SpiffeId],
    clock: Arc<dyn Clock>,
) -> Side<ServerConfig> {
    let (identity, not_after) = identity(contents)?;
    let clients = Some(trust(contents, allowed)?);
    Ok((server_config(&identity, clients, &[ALPN_H2, ALPN_HTTP1], clock)?, not_after))
}

/// Towards another service, as client.
pub(crate) fn client_side(
    contents: &[Vec<u8>],
    allowed: &[SpiffeId],
    clock: Arc<dyn Clock>,
) -> Side<ClientConfig> {
    let (identity, not_after) = identity(contents)?;
    let server = ServerTrust::Workload(trust(contents, allowed)?);
    Ok((Arc::new(client_config(Some(&identity), server, &[ALPN_H2, ALPN_HTTP1], clock)?), not_after))
}

/// A key that signs by itself, in no TLS: the first file is its certificate, the second the key.
pub(crate) fn key_material(contents: &[Vec<u8>]) -> Side<KeyMaterial> {
    let [certificate, key, ..] = contents else {
        return Err(PkiError::Pem("certificate and key are needed".to_owned()));
    };
    let material = KeyMaterial::from_pem(certificate, key)?;
    let not_after = describe(&material.certificate)?.not_after;
    Ok((Arc::new(material), not_after))
}

/// The first file is the certificate, the second the key.
fn identity(contents: &[Vec<u8>]) -> Result<(Identity, UnixMillis), PkiError> {
    let [certificate, key, ..] = contents else {
        return Err(PkiError::Pem("certificate and key are needed".to_owned()));
    };
    let identity = Identity::from_pem(certificate, key)?;
    let not_after =
        identity.chain().first().map_or(Ok(UnixMillis(0)), |leaf| Ok(describe(leaf)?.not_after))?;
    Ok((identity, not_after))
}

/// The third file holds the anchors.
fn trust(contents: &[Vec<u8>], allowed: &[SpiffeId]) -> Result<WorkloadTrust, PkiError> {
    let anchors = contents.get(2).map_or(Ok(Vec::new()), |anchors| certificates_from_pem(anchors))?;
    Ok(WorkloadTrust { anchors, allowed: allowed.to_vec() })
}
