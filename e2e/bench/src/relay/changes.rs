//! The relay's sso, as far as the relay needs one: `GET /changes` of a directory in which nothing ever changes.
//! Without its answers the relay lets nobody new in after 30 s, and sealing for a long run takes longer than that.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use wickr_base::SpiffeId;
use wickr_pki::tls::{ALPN_HTTP1, Identity, WorkloadTrust, server_config};
use wickr_service::testing::TestNetwork;

/// Bytes of a request's head; the relay's is far shorter.
const MAX_HEAD: usize = 8 * 1024;

/// The directory's answer: no change, ever.
const NOTHING: &str = r#"{"incarnation":"00000000000000000000000000000000","changes":[],"head":0}"#;

/// A running one; ended on drop.
pub(crate) struct Changes {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Changes {
    /// Listens on a free loopback port as the network's sso, for the network's relay alone.
    pub(crate) async fn start(network: &TestNetwork) -> Result<Self> {
        let identity = Identity::from_material(&network.workload("sso"));
        let clients = WorkloadTrust {
            anchors: vec![network.workload_issuer.certificate.clone()],
            allowed: vec![SpiffeId::new(network.domain.clone(), "relay")],
        };
        let config = server_config(&identity, Some(clients), &[ALPN_HTTP1], Arc::clone(&network.clock))
            .context("being sso")?;
        let listener = TcpListener::bind("127.0.0.1:0").await.context("listening as sso")?;
        let address = listener.local_addr().context("asking for sso's address")?;
        let acceptor = TlsAcceptor::from(config);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // The relay asks again when a connection fails, and says so in its log.
                tokio::spawn(answer(acceptor.clone(), stream));
            }
        });
        Ok(Self { address, task })
    }

    /// What the relay's configuration names.
    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One request and its answer, after the wait that was asked for.
async fn answer(acceptor: TlsAcceptor, stream: TcpStream) -> Result<()> {
    let mut stream = acceptor.accept(stream).await.context("shaking hands with the relay")?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < MAX_HEAD {
        if stream.read_buf(&mut head).await.context("reading the relay's request")? == 0 {
            return Ok(());
        }
    }
    tokio::time::sleep(wait(&String::from_utf8_lossy(&head))).await;
    let length = NOTHING.len();
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n\
         {NOTHING}"
    );
    stream.write_all(answer.as_bytes()).await.context("answering the relay")?;
    stream.flush().await.context("answering the relay")?;
    // The relay hangs up when it has read this; whoever does so before it loses the answer.
    while stream.read_buf(&mut head).await.context("waiting for the relay to hang up")? > 0 {
        head.clear();
    }
    Ok(())
}

/// How long the relay lets an answer take that has nothing to say.
fn wait(head: &str) -> Duration {
    let query =
        head.split_whitespace().nth(1).and_then(|target| target.split_once('?')).map(|(_, query)| query);
    let asked = query.and_then(|query| query.split('&').find_map(|part| part.strip_prefix("wait=")));
    Duration::from_secs(asked.and_then(|seconds| seconds.parse().ok()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_rustls::TlsConnector;
    use wickr_base::{Clock, SystemClock};

    #[test]
    fn the_relay_says_how_long_an_answer_may_take() {
        assert_eq!(wait("GET /changes?after=0&wait=25 HTTP/1.1\r\n\r\n"), Duration::from_secs(25));
        assert_eq!(wait("GET /changes HTTP/1.1\r\n\r\n"), Duration::ZERO);
    }

    #[tokio::test]
    async fn the_relay_is_told_over_mutual_tls_that_nothing_has_changed() {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let network = TestNetwork::new("bench.example", clock);
        let changes = Changes::start(&network).await.unwrap();
        let mut client = network.workload_client("relay", &["sso"]);
        client.alpn_protocols = vec![ALPN_HTTP1.to_vec()];
        let stream = TcpStream::connect(changes.address).await.unwrap();
        let connector = TlsConnector::from(Arc::new(client));
        let mut stream = connector.connect(crate::tls::name("127.0.0.1").unwrap(), stream).await.unwrap();
        stream.write_all(b"GET /changes?after=0&wait=0 HTTP/1.1\r\nhost: sso\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(NOTHING.as_bytes()) {
            assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0, "{answer:?}");
        }
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert_eq!(body, NOTHING);
    }
}
