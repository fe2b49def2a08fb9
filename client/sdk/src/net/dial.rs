//! One TLS connection to a service, with the time that it may take.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use wickr_pki::PkiError;
use wickr_pki::tls::{ServerTrust, client_config};

use crate::environment::Environment;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The host name is none.
    #[error("\"{host}\" is not a host name")]
    Name {
        /// What was given.
        host: String,
    },
    /// Nothing answers there.
    #[error("connecting to {host}:{port}")]
    Connect {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// Why.
        source: io::Error,
    },
    /// It took too long.
    #[error("connecting to {host}:{port}: no answer within {} s", after.as_secs_f32())]
    Silent {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// How long it was waited.
        after: Duration,
    },
    /// The TLS handshake failed, often because the certificate is not the network's.
    #[error("TLS with {host}:{port}")]
    Handshake {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// Why.
        source: io::Error,
    },
    /// TLS could not be set up.
    #[error("setting up TLS")]
    Tls {
        /// Why.
        source: Box<PkiError>,
    },
}

pub(super) async fn dial(
    host: &str,
    port: u16,
    trust: ServerTrust,
    alpn: &[&[u8]],
    environment: &Environment,
) -> Result<TlsStream<TcpStream>, DialError> {
    let config = client_config(None, trust, alpn, environment.clock.clone())
        .map_err(|source| DialError::Tls { source: Box::new(source) })?;
    let within = environment.timings.connect;
    let name =
        ServerName::try_from(host.to_owned()).map_err(|_| DialError::Name { host: host.to_owned() })?;
    let work = async {
        let failed = |source| DialError::Connect { host: host.to_owned(), port, source };
        let stream = match environment.resolve.address(host).or_else(|| host.parse::<IpAddr>().ok()) {
            Some(address) => TcpStream::connect((address, port)).await,
            None => TcpStream::connect((host, port)).await,
        }
        .map_err(failed)?;
        // Frames are small and each waits for an answer.
        stream.set_nodelay(true).map_err(failed)?;
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
            .map_err(|source| DialError::Handshake { host: host.to_owned(), port, source })
    };
    timeout(within, work)
        .await
        .unwrap_or_else(|_| Err(DialError::Silent { host: host.to_owned(), port, after: within }))
}
