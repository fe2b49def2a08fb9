//! Certificates for servers that exist only for a benchmark: one self-made issuer, one name.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use wickr_base::{Clock, Domain, SystemClock, SystemRng};
use wickr_pki::{Purpose, issue_public_tls, new_issuer, new_root};

/// A server's key and certificate, and the issuer that clients trust.
pub(crate) struct Material {
    issuer: CertificateDer<'static>,
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
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
        Ok(Self { issuer: issuer.certificate, certificate: leaf.certificate, key: leaf.key.expose().clone() })
    }

    /// Leaves it in `folder` for the server's process.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        for (file, bytes) in
            [("issuer", self.issuer.as_ref()), ("certificate", self.certificate.as_ref()), ("key", &self.key)]
        {
            fs::write(folder.join(file), bytes).with_context(|| format!("writing the {file}"))?;
        }
        Ok(())
    }

    /// Reads what `write` left.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let file = |name: &str| fs::read(folder.join(name)).with_context(|| format!("reading the {name}"));
        Ok(Self {
            issuer: file("issuer")?.into(),
            certificate: file("certificate")?.into(),
            key: file("key")?,
        })
    }

    /// The server's side.
    pub(crate) fn acceptor(&self) -> Result<TlsAcceptor> {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.clone()));
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], key)
            .context("using the certificate")?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// The clients' side.
    pub(crate) fn connector(&self) -> Result<TlsConnector> {
        let mut anchors = RootCertStore::empty();
        anchors.add(self.issuer.clone()).context("trusting the issuer")?;
        let mut config = ClientConfig::builder().with_root_certificates(anchors).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

/// A host name as rustls wants it.
pub(crate) fn name(host: &str) -> Result<ServerName<'static>> {
    ServerName::try_from(host.to_owned()).with_context(|| format!("\"{host}\" is no host name"))
}
