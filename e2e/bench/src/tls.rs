//! Certificates for servers that exist only for a benchmark: one self-made issuer, one name.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use wickr_base::{Clock, Domain, Secret, SystemClock, SystemRng};
use wickr_pki::{KeyMaterial, Purpose, issue_public_tls, new_issuer, new_root};

/// A server's key and certificate, and the issuer that clients trust.
pub(crate) struct Material {
    issuer: CertificateDer<'static>,
    leaf: KeyMaterial,
}

impl Material {
    /// A fresh one for `name`.
    pub(crate) fn make(name: &str) -> Result<Self> {
        let (rng, now) = (SystemRng, SystemClock::new().now());
        let domain: Domain = "bench.example".parse().context("naming the network")?;
        let root = new_root(&domain, &rng, now).context("making a root")?;
        let issuer = new_issuer(&root, &domain, Purpose::Workload, &rng, now).context("making an issuer")?;
        let day = Duration::from_hours(24);
        let leaf = issue_public_tls(&issuer, name, &rng, now, day).context("issuing the certificate")?;
        Ok(Self { issuer: issuer.certificate, leaf })
    }

    /// Leaves it in `folder` for the server's process.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        for (file, bytes) in [
            ("issuer", self.issuer.as_ref()),
            ("certificate", &self.leaf.certificate),
            ("key", self.leaf.key.expose()),
        ] {
            fs::write(folder.join(file), bytes).with_context(|| format!("writing the {file}"))?;
        }
        Ok(())
    }

    /// Reads what `write` left.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let file = |name: &str| fs::read(folder.join(name)).with_context(|| format!("reading the {name}"));
        let leaf = KeyMaterial { certificate: file("certificate")?.into(), key: Secret::new(file("key")?) };
        Ok(Self { issuer: file("issuer")?.into(), leaf })
    }

    /// Leaves `tls.crt` and `tls.key` in `folder`, for servers that read PEM.
    pub(crate) fn write_pem(&self, folder: &Path) -> Result<()> {
        let (certificate, key) = self.leaf.to_pem();
        fs::write(folder.join("tls.crt"), certificate).context("writing the certificate")?;
        fs::write(folder.join("tls.key"), key.expose()).context("writing the key")
    }

    /// The server's side.
    pub(crate) fn acceptor(&self) -> Result<TlsAcceptor> {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.leaf.key.expose().clone()));
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![self.leaf.certificate.clone()], key)
            .context("using the certificate")?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// The clients' side.
    pub(crate) fn connector(&self) -> Result<TlsConnector> {
        self.connector_for(b"http/1.1")
    }

    /// The same for another protocol; no client resumes a session, since each device would have its own.
    pub(crate) fn connector_for(&self, protocol: &[u8]) -> Result<TlsConnector> {
        let mut anchors = RootCertStore::empty();
        anchors.add(self.issuer.clone()).context("trusting the issuer")?;
        let mut config = ClientConfig::builder().with_root_certificates(anchors).with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_vec()];
        config.resumption = Resumption::disabled();
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

/// A host name as rustls wants it.
pub(crate) fn name(host: &str) -> Result<ServerName<'static>> {
    ServerName::try_from(host.to_owned()).with_context(|| format!("\"{host}\" is no host name"))
}
