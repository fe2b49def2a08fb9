//! The peer: Prosody (Debian package) as it is installed, less its rate limit; online delivery, nothing durable.
//! A small XMPP client (RFC 6120): SASL PLAIN, bind, `<message>` from one account to another.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufWriter};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::pair::{PAYLOAD, Receiver, Sender};
use crate::tls;

const HOST: &str = "bench.example";

/// A running Prosody; ended on drop.
pub(crate) struct Prosody {
    process: Child,
    address: SocketAddr,
    over_tls: SocketAddr,
    tls: TlsConnector,
}

impl Prosody {
    /// Starts it with `pairs` pairs of accounts and its data below `data`.
    pub(crate) async fn start(data: &Path, pairs: u32) -> Result<Self> {
        let (address, over_tls) = (free_port()?, free_port()?);
        let config = data.join("prosody.cfg.lua");
        fs::write(&config, configuration(data, address, over_tls)).context("writing the configuration")?;
        let material = tls::Material::make(HOST)?;
        material.write_pem(data)?;
        let accounts = data.join("bench%2eexample/accounts");
        fs::create_dir_all(&accounts).context("making the accounts' folder")?;
        for number in 0..pairs {
            for half in ["s", "r"] {
                let account = accounts.join(format!("{half}{number}.dat"));
                fs::write(account, "return { [\"password\"] = \"bench\"; };")
                    .context("writing an account")?;
            }
        }
        let process = Command::new("prosody")
            .args([Path::new("--config"), &config, Path::new("-F")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("starting prosody (Debian package prosody)")?;
        let server = Self { process, address, over_tls, tls: material.connector_for(b"xmpp-client")? };
        server.wait().await?;
        Ok(server)
    }

    /// The server's process.
    pub(crate) fn process(&self) -> u32 {
        self.process.id()
    }

    /// Signs both accounts of pair `number` in.
    pub(crate) async fn pair(&self, number: u32) -> Result<(Box<dyn Sender>, Box<dyn Receiver>)> {
        let (_, to_server) = self.signed_in(&format!("s{number}"), false).await?.into_split();
        let (from_server, keep) = self.signed_in(&format!("r{number}"), true).await?.into_split();
        let (delivered, acknowledged) = unbounded_channel();
        let head = format!("<message to='r{number}@{HOST}' type='chat' id='");
        let tail = format!("'><body>{}</body></message>", "Z".repeat(PAYLOAD));
        let sender =
            XmppSender { stream: BufWriter::with_capacity(64 * 1024, to_server), acknowledged, head, tail };
        let receiver = XmppReceiver { stream: from_server, _keep: keep, buffer: Vec::new(), delivered };
        Ok((Box::new(sender), Box::new(receiver)))
    }

    /// An account that is online over TLS, and silent.
    pub(crate) async fn idle(&self, number: u32) -> Result<TlsStream<TcpStream>> {
        let account = format!("{}{}", if number.is_multiple_of(2) { "s" } else { "r" }, number / 2);
        let stream = TcpStream::connect(self.over_tls).await.context("connecting to prosody")?;
        let mut stream = self.tls.connect(tls::name(HOST)?, stream).await.context("shaking hands")?;
        sign_in(&mut stream, &account, true).await?;
        Ok(stream)
    }

    async fn signed_in(&self, account: &str, present: bool) -> Result<TcpStream> {
        let mut stream = TcpStream::connect(self.address).await.context("connecting to prosody")?;
        stream.set_nodelay(true).context("turning Nagle off")?;
        sign_in(&mut stream, account, present).await?;
        Ok(stream)
    }

    async fn wait(&self) -> Result<()> {
        for _ in 0..100 {
            if TcpStream::connect(self.address).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!("prosody does not answer at {}", self.address)
    }
}

impl Drop for Prosody {
    fn drop(&mut self) {
        let _ended = self.process.kill().and_then(|()| self.process.wait());
    }
}

fn free_port() -> Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).context("finding a free port")
}

fn configuration(data: &Path, address: SocketAddr, over_tls: SocketAddr) -> String {
    let folder: PathBuf = data.to_owned();
    format!(
        r#"run_as_root = true
data_path = "{folder}"
pidfile = "{folder}/prosody.pid"
log = {{ error = "{folder}/prosody.err" }}
modules_enabled = {{ "disco"; "roster"; "saslauth"; "blocklist"; "carbons"; "pep"; "private"; "smacks"; "csi_simple"; "ping"; "time"; "uptime"; "version"; "posix" }}
modules_disabled = {{ "s2s"; "tls"; "limits" }}
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {port} }}
c2s_direct_tls_ports = {{ {tls_port} }}
ssl = {{ certificate = "{folder}/tls.crt", key = "{folder}/tls.key" }}
s2s_ports = {{ }}
http_ports = {{ }}
https_ports = {{ }}
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
authentication = "internal_plain"
storage = "internal"
VirtualHost "{HOST}"
"#,
        folder = folder.display(),
        port = address.port(),
        tls_port = over_tls.port(),
    )
}

async fn sign_in(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    account: &str,
    present: bool,
) -> Result<()> {
    let open = format!(
        "<stream:stream to='{HOST}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
    );
    let secret = STANDARD.encode(format!("\0{account}\0bench"));
    let auth = format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{secret}</auth>");
    let bind = "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
    let mut steps = vec![
        (open.as_str(), "</stream:features>"),
        (&auth, "<success"),
        (&open, "</stream:features>"),
        (bind, "</iq>"),
    ];
    if present {
        steps.push(("<presence/>", "<presence"));
    }
    for (say, until) in steps {
        stream.write_all(say.as_bytes()).await.context("speaking")?;
        stream.flush().await.context("speaking")?;
        let mut heard = Vec::new();
        while !String::from_utf8_lossy(&heard).contains(until) {
            if stream.read_buf(&mut heard).await.context("listening")? == 0 {
                bail!("prosody closed the connection of {account}: {}", String::from_utf8_lossy(&heard));
            }
        }
    }
    Ok(())
}

struct XmppSender {
    stream: BufWriter<OwnedWriteHalf>,
    acknowledged: UnboundedReceiver<usize>,
    head: String,
    tail: String,
}

#[async_trait::async_trait]
impl Sender for XmppSender {
    async fn send(&mut self, number: u64) -> Result<()> {
        let stanza = format!("{}n{number}{}", self.head, self.tail);
        self.stream.write_all(stanza.as_bytes()).await.context("sending a message")
    }

    async fn flush(&mut self) -> Result<()> {
        self.stream.flush().await.context("flushing")
    }

    /// Prosody acknowledges nothing to the sender; the receiver's sight of the message stands for it.
    async fn acknowledged(&mut self) -> Result<usize> {
        self.acknowledged.recv().await.context("the receiver has ended")
    }
}

struct XmppReceiver {
    stream: OwnedReadHalf,
    _keep: OwnedWriteHalf,
    buffer: Vec<u8>,
    delivered: UnboundedSender<usize>,
}

#[async_trait::async_trait]
impl Receiver for XmppReceiver {
    async fn delivered(&mut self, numbers: &mut Vec<u64>) -> Result<()> {
        while numbers.is_empty() {
            if self.stream.read_buf(&mut self.buffer).await.context("reading messages")? == 0 {
                bail!("prosody closed the connection");
            }
            let mut done = 0;
            while let Some(end) = find(&self.buffer[done..], b"</message>") {
                let stanza = &self.buffer[done..done + end];
                if let Some(number) = id_of(stanza) {
                    numbers.push(number);
                }
                done += end + b"</message>".len();
            }
            self.buffer.drain(..done);
        }
        let _ended = self.delivered.send(numbers.len());
        Ok(())
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn id_of(stanza: &[u8]) -> Option<u64> {
    let at = find(stanza, b"id='n")? + 5;
    let digits: Vec<u8> = stanza[at..].iter().copied().take_while(u8::is_ascii_digit).collect();
    std::str::from_utf8(&digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_read_from_the_id_of_a_message() {
        assert_eq!(id_of(b"<message from='a' id='n42' to='b'><body>x</body>"), Some(42));
        assert_eq!(id_of(b"<message from='a' to='b'><body>x</body>"), None);
    }
}
