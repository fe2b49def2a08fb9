//! Asking a server whether it is ready: one GET, with TLS or without, at an address that needn't be what its name
//! resolves to.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// A client that trusts one CA.
#[derive(Clone, Debug)]
pub struct Client(Arc<ClientConfig>);

impl Client {
    /// Trusts the certificates in this PEM file and no others.
    pub fn trusting(ca: &Path) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in
            CertificateDer::pem_file_iter(ca).with_context(|| format!("reading {}", ca.display()))?
        {
            roots
                .add(certificate.with_context(|| format!("reading {}", ca.display()))?)
                .context("a CA certificate")?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .context("TLS versions")?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }

    /// The status code and body of `https://HOST/PATH` at `address`.
    pub fn get(&self, address: SocketAddr, host: &str, path: &str) -> Result<(u16, String)> {
        let name = ServerName::try_from(host.to_owned()).with_context(|| format!("host name '{host}'"))?;
        let connection = ClientConnection::new(Arc::clone(&self.0), name).context("starting TLS")?;
        ask(StreamOwned::new(connection, connect(address)?), &format!("{host}:{}", address.port()), path)
    }
}

/// The status code and body of `http://ADDRESS/PATH`.
pub fn get_plain(address: SocketAddr, path: &str) -> Result<(u16, String)> {
    ask(connect(address)?, &address.to_string(), path)
}

fn connect(address: SocketAddr) -> Result<TcpStream> {
    let limit = Duration::from_secs(5);
    let socket =
        TcpStream::connect_timeout(&address, limit).with_context(|| format!("connecting to {address}"))?;
    socket
        .set_read_timeout(Some(limit))
        .and(socket.set_write_timeout(Some(limit)))
        .context("setting time-outs")?;
    Ok(socket)
}

fn ask(mut stream: impl Read + Write, host: &str, path: &str) -> Result<(u16, String)> {
    let request = format!("GET {path} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).with_context(|| format!("asking {host} for {path}"))?;
    let mut answer = Vec::new();
    // A server that closes without the TLS goodbye has still answered; what there is gets parsed.
    let _ = stream.read_to_end(&mut answer);
    parse(&String::from_utf8_lossy(&answer))
        .with_context(|| format!("{host} answered {path} with something else than HTTP"))
}

fn parse(answer: &str) -> Option<(u16, String)> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_and_body_are_told_apart() {
        assert_eq!(parse("HTTP/1.0 200 OK\r\nA: b\r\n\r\nok"), Some((200, "ok".to_owned())));
        assert_eq!(parse("garbage"), None);
    }
}
