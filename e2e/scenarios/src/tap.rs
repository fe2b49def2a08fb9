//! Stands between client and relay with the relay's own certificate and writes down what passes, decrypted.
//! What it records is what a relay, or whoever holds its key, can see.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use parking_lot::Mutex;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::frames;

/// A running tap; it ends when this is dropped.
pub struct Tap {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Arc<Mutex<Passed>>>>>,
    task: JoinHandle<()>,
}

/// The bytes of one connection, each direction on its own.
#[derive(Default)]
struct Passed {
    to_relay: Vec<u8>,
    to_client: Vec<u8>,
}

/// What the tap needs to pass for the relay.
pub struct Identity {
    /// The relay's public chain.
    pub chain: Vec<CertificateDer<'static>>,
    /// Who signed it; the real relay is checked against this.
    pub anchors: Vec<CertificateDer<'static>>,
    /// Its key.
    pub key: PrivateKeyDer<'static>,
    /// The name on it, which is also asked of the real relay.
    pub name: ServerName<'static>,
}

impl Tap {
    /// Listens on `on` and forwards to `relay`.
    pub async fn start(on: SocketAddr, relay: SocketAddr, identity: Identity) -> Result<Self> {
        let mut anchors = RootCertStore::empty();
        for certificate in &identity.anchors {
            anchors.add(certificate.clone()).context("trusting the relay's issuer")?;
        }
        let alpn = vec![b"http/1.1".to_vec()];
        let mut client = ClientConfig::builder().with_root_certificates(anchors).with_no_client_auth();
        client.alpn_protocols.clone_from(&alpn);
        let mut server = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(identity.chain, identity.key)
            .context("using the relay's certificate")?;
        server.alpn_protocols = alpn;

        let listener = TcpListener::bind(on).await.with_context(|| format!("listening on {on}"))?;
        let address = listener.local_addr().context("asking for the tap's address")?;
        let seen: Arc<Mutex<Vec<Arc<Mutex<Passed>>>>> = Arc::default();
        let connections = seen.clone();
        let (acceptor, connector) =
            (TlsAcceptor::from(Arc::new(server)), TlsConnector::from(Arc::new(client)));
        let task = tokio::spawn(async move {
            while let Ok((inbound, _)) = listener.accept().await {
                let passed: Arc<Mutex<Passed>> = Arc::default();
                connections.lock().push(passed.clone());
                let (acceptor, connector, name) =
                    (acceptor.clone(), connector.clone(), identity.name.clone());
                tokio::spawn(async move { forward(inbound, relay, acceptor, connector, name, passed).await });
            }
        });
        Ok(Self { address, seen, task })
    }

    /// Where clients are to be sent.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything that passed so far: the bytes of both directions, WebSocket masks taken off.
    pub fn recorded(&self) -> Vec<u8> {
        let mut all = Vec::new();
        for connection in self.seen.lock().iter() {
            let passed = connection.lock();
            all.extend(frames::unmasked(&passed.to_relay));
            all.extend_from_slice(&passed.to_client);
        }
        all
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(
    inbound: TcpStream,
    relay: SocketAddr,
    acceptor: TlsAcceptor,
    connector: TlsConnector,
    name: ServerName<'static>,
    passed: Arc<Mutex<Passed>>,
) -> Result<()> {
    let client = acceptor.accept(inbound).await.context("shaking hands with the client")?;
    let outbound = TcpStream::connect(relay).await.context("connecting to the relay")?;
    let server = connector.connect(name, outbound).await.context("shaking hands with the relay")?;
    let (from_client, to_client) = tokio::io::split(client);
    let (from_relay, to_relay) = tokio::io::split(server);
    let there = copy(from_client, to_relay, passed.clone(), |passed| &mut passed.to_relay);
    let back = copy(from_relay, to_client, passed, |passed| &mut passed.to_client);
    tokio::select! { done = there => done, done = back => done }
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    passed: Arc<Mutex<Passed>>,
    side: impl Fn(&mut Passed) -> &mut Vec<u8>,
) -> Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).await.context("reading")?;
        if read == 0 {
            to.shutdown().await.context("closing")?;
            return Ok(());
        }
        side(&mut passed.lock()).extend_from_slice(&buffer[..read]);
        to.write_all(&buffer[..read]).await.context("writing")?;
        to.flush().await.context("flushing")?;
    }
}
