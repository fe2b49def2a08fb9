//! The relay itself, embedded engine, as its own process: real TLS, real MLS ciphertext sealed beforehand.
//! Sockets and frames: `connection`; how devices prove who they are: `identity`; rooms and ciphertext: `room`; what the
//! relay asks sso: `changes`; the relay as served by this program: `here`.

mod changes;
mod connection;
mod here;
mod identity;
mod room;

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustls::client::Resumption;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use wickr_base::{Clock, SystemClock};
use wickr_pki::tls::ALPN_HTTP1;
use wickr_service::testing::TestNetwork;

use crate::pair::{Receiver, Sender};
use changes::Changes;
pub(crate) use connection::{Buffers, Connection, Door, Proof};
pub(crate) use here::serve;
pub(crate) use identity::TokenSigner;
use room::{Pair, Party};

/// Which program serves the relay.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    /// `wickr-server relay`, built beside this one.
    Deployed,
    /// The same relay in this program, with TLS.
    Tls,
    /// The same without TLS on the public port, which only this program has.
    Plain,
}

/// A running relay with a network of its own; ended on drop.
pub(crate) struct RelayServer {
    process: Child,
    _changes: Changes,
    address: SocketAddr,
    network: TestNetwork,
    tls: TlsConnector,
    clock: Arc<dyn Clock>,
    folder: PathBuf,
    program: Program,
}

/// Rates that no load reaches: a benchmark measures the relay, not its limits (docs/performance.md).
const LIMITS: &str = "{messages: {burst: 1000000000, per_minute: 1000000000}, \
    bytes: {burst: 1000000000000, per_minute: 1000000000000}}";

impl RelayServer {
    /// Starts the relay with everything below `folder`.
    pub(crate) async fn start(folder: &Path, program: Program) -> Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let network = TestNetwork::new("bench.example", Arc::clone(&clock));
        let changes = Changes::start(&network).await?;
        let [address, admin, metrics] = free_ports()?;
        let url = format!("wss://{address}");
        let document = network.document(1, &url, &format!("https://{address}"));
        let sender = network.write(folder, "external-sender", &network.hub);
        let config = network.config(folder, "relay", &document, ());
        let text = format!(
            "domain: {domain}\ndata: {data}\nlisten: {{public: \"{address}\", admin: \"{admin}\", metrics: \"{metrics}\"}}\n\
             tls: {{public: {{certificate: {public}, key: {public_key}}}, workload: {{certificate: {workload}, key: {workload_key}, anchors: {anchors}}}}}\n\
             document: {document}\nroot: {root}\n\
             relay: {{external_sender: {{certificate: {sender}, key: {sender_key}}}, sso: \"{sso}\", limits: {LIMITS}}}\n",
            domain = config.domain,
            data = config.data.display(),
            public = config.tls.public.certificate.display(),
            public_key = config.tls.public.key.display(),
            workload = config.tls.workload.certificate.display(),
            workload_key = config.tls.workload.key.display(),
            anchors = config.tls.workload.anchors.display(),
            document = config.document.display(),
            root = config.root.display(),
            sender = sender.certificate.display(),
            sender_key = sender.key.display(),
            sso = changes.url(),
        );
        fs::write(folder.join(CONFIG), text).context("writing the relay's configuration")?;
        let process = spawn(folder, program)?;
        let mut config = network.public_client(&[ALPN_HTTP1]);
        // Each device would have sessions of its own to resume; here all share one configuration.
        config.resumption = Resumption::disabled();
        let tls = TlsConnector::from(Arc::new(config));
        let folder = folder.to_owned();
        let mut server = Self { process, _changes: changes, address, network, tls, clock, folder, program };
        server.wait().await?;
        Ok(server)
    }

    /// Kills it without a word, and starts it again on the same data and ports.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        self.process.kill().and_then(|()| self.process.wait()).context("killing the relay")?;
        self.process = spawn(&self.folder, self.program)?;
        self.wait().await
    }

    /// Its public port, what a client needs to speak there, and the network that it belongs to.
    pub(crate) fn door(&self) -> Door {
        let tls = (self.program != Program::Plain).then(|| self.tls.clone());
        Door { address: self.address, tls }
    }

    /// The network that it belongs to.
    pub(crate) fn network(&self) -> &TestNetwork {
        &self.network
    }

    /// The server's process.
    pub(crate) fn process(&self) -> u32 {
        self.process.id()
    }

    /// A room of two devices with `messages` sealed, both connected.
    pub(crate) async fn pair(&self, messages: usize) -> Result<(Box<dyn Sender>, Box<dyn Receiver>)> {
        let [mut one, mut other] =
            [Party::new(&self.network, &self.clock)?, Party::new(&self.network, &self.clock)?];
        let [from, to] = [self.connect(&one).await?, self.connect(&other).await?];
        Pair::meet(&mut one, from, &mut other, to).await?.seal(messages, &mut one)
    }

    async fn connect(&self, party: &Party) -> Result<Connection> {
        let signer = TokenSigner::new(&self.network, &*self.clock)?;
        Connection::open(&self.door(), Buffers::LOAD, None, &party.proof(&signer)?).await
    }

    async fn wait(&mut self) -> Result<()> {
        for _ in 0..200 {
            if TcpStream::connect(self.address).await.is_ok() {
                return Ok(());
            }
            if let Some(status) = self.process.try_wait().context("looking at the relay")? {
                bail!(
                    "the relay ended with {status}: {}",
                    fs::read_to_string(self.folder.join(LOG)).unwrap_or_default()
                );
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("the relay does not answer at {}", self.address)
    }
}

impl Drop for RelayServer {
    fn drop(&mut self) {
        let _ended = self.process.kill().and_then(|()| self.process.wait());
    }
}

const CONFIG: &str = "config.yaml";
const LOG: &str = "relay.log";

fn spawn(folder: &Path, program: Program) -> Result<Child> {
    let this = std::env::current_exe().context("finding this program")?;
    let (program, arguments): (_, &[&str]) = match program {
        Program::Deployed => (this.with_file_name("wickr-server"), &["relay"]),
        Program::Tls => (this, &["relay-server"]),
        Program::Plain => (this, &["relay-server", "--plain"]),
    };
    let log = fs::OpenOptions::new().create(true).append(true).open(folder.join(LOG));
    let log = log.context("making the relay's log")?;
    let mut process = Command::new(&program);
    process.args(arguments).arg("--config").arg(folder.join(CONFIG));
    process
        .env("WICKR_LOG", "warn")
        .stdin(Stdio::null())
        .stdout(log.try_clone().context("sharing the log")?)
        .stderr(log)
        .spawn()
        .with_context(|| format!("starting {}", program.display()))
}

fn free_ports<const N: usize>() -> Result<[SocketAddr; N]> {
    let mut listeners = Vec::new();
    let mut addresses = [SocketAddr::from(([127, 0, 0, 1], 0)); N];
    for address in &mut addresses {
        let listener = TcpListener::bind(*address).context("looking for a free port")?;
        *address = listener.local_addr().context("looking for a free port")?;
        listeners.push(listener);
    }
    Ok(addresses)
}
