//! The bare limit: length-prefixed frames over TLS, one append, a shared fsync, acknowledge, deliver; nothing else.
//! What any durable relay on this machine could reach. The server runs as a process of its own (`wickr-bench limit-server`).

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, IoSlice, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc;

use anyhow::{Context, Result, bail};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufWriter, ReadHalf, WriteHalf, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use crate::pair::{PAYLOAD, Receiver, Sender};
use crate::tls;

/// Number of the message and payload.
const FRAME: usize = 8 + PAYLOAD;

type Outbound = UnboundedSender<Vec<u8>>;

/// Who speaks: the pair, and which half of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Hello {
    pair: u32,
    receives: bool,
}

struct Append {
    pair: u32,
    frame: Vec<u8>,
}

/// A running limit server; ended on drop.
pub(crate) struct LimitServer {
    process: Child,
    address: SocketAddr,
    tls: TlsConnector,
}

impl LimitServer {
    /// Starts it on a free loopback port with its log below `data`.
    pub(crate) fn start(data: &Path) -> Result<Self> {
        let material = tls::Material::make("limit.example")?;
        material.write(data)?;
        let mut process = Command::new(std::env::current_exe().context("finding this program")?)
            .arg("limit-server")
            .arg(data)
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the limit server")?;
        let output = process.stdout.take().context("reading the limit server")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).context("waiting for the limit server")?;
        let address = line.trim().parse().with_context(|| format!("reading its address \"{line}\""))?;
        Ok(Self { process, address, tls: material.connector()? })
    }

    /// The server's process.
    pub(crate) fn process(&self) -> u32 {
        self.process.id()
    }

    /// Connects both halves of pair `number`.
    pub(crate) async fn pair(&self, number: u32) -> Result<(Box<dyn Sender>, Box<dyn Receiver>)> {
        let (acks, frames) = split(self.connect(Hello { pair: number, receives: false }).await?);
        let (deliveries, keep) = split(self.connect(Hello { pair: number, receives: true }).await?);
        let sender = LimitSender {
            frames: BufWriter::with_capacity(64 * 1024, frames),
            acks,
            buffer: vec![0; 16 * 1024],
            part: 0,
        };
        let receiver = LimitReceiver { deliveries, _keep: keep, buffer: Vec::with_capacity(256 * 1024) };
        Ok((Box::new(sender), Box::new(receiver)))
    }

    /// A connection that stays silent.
    pub(crate) async fn idle(&self, number: u32) -> Result<client::TlsStream<TcpStream>> {
        self.connect(Hello { pair: number, receives: true }).await
    }

    async fn connect(&self, hello: Hello) -> Result<client::TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.address).await.context("connecting to the limit server")?;
        stream.set_nodelay(true).context("turning Nagle off")?;
        let mut stream =
            self.tls.connect(tls::name("limit.example")?, stream).await.context("shaking hands")?;
        stream.write_u32(hello.pair).await.context("saying the pair")?;
        stream.write_u8(u8::from(hello.receives)).await.context("saying the half")?;
        stream.flush().await.context("flushing")?;
        stream.read_u8().await.context("waiting to be registered")?;
        Ok(stream)
    }
}

impl Drop for LimitServer {
    fn drop(&mut self) {
        let _ended = self.process.kill().and_then(|()| self.process.wait());
    }
}

struct LimitSender {
    frames: BufWriter<WriteHalf<client::TlsStream<TcpStream>>>,
    acks: ReadHalf<client::TlsStream<TcpStream>>,
    buffer: Vec<u8>,
    part: usize,
}

#[async_trait::async_trait]
impl Sender for LimitSender {
    async fn send(&mut self, number: u64) -> Result<()> {
        self.frames.write_u64(number).await.context("writing the number")?;
        self.frames.write_all(&[0x5a; PAYLOAD]).await.context("writing the payload")
    }

    async fn flush(&mut self) -> Result<()> {
        self.frames.flush().await.context("flushing")
    }

    async fn acknowledged(&mut self) -> Result<usize> {
        let read = self.acks.read(&mut self.buffer).await.context("reading acknowledgements")?;
        if read == 0 {
            bail!("the limit server closed the connection");
        }
        self.part += read;
        let whole = self.part / 8;
        self.part %= 8;
        Ok(whole)
    }
}

struct LimitReceiver {
    deliveries: ReadHalf<client::TlsStream<TcpStream>>,
    _keep: WriteHalf<client::TlsStream<TcpStream>>,
    buffer: Vec<u8>,
}

#[async_trait::async_trait]
impl Receiver for LimitReceiver {
    async fn delivered(&mut self, numbers: &mut Vec<u64>) -> Result<()> {
        while self.buffer.len() < FRAME {
            if self.deliveries.read_buf(&mut self.buffer).await.context("reading deliveries")? == 0 {
                bail!("the limit server closed the connection");
            }
        }
        let whole = self.buffer.len() / FRAME * FRAME;
        for frame in self.buffer[..whole].chunks_exact(FRAME) {
            let (number, _) = frame.split_first_chunk::<8>().context("reading the number")?;
            numbers.push(u64::from_be_bytes(*number));
        }
        self.buffer.drain(..whole);
        Ok(())
    }
}

/// The server: one writer thread appends and syncs what has arrived, then acknowledges and delivers.
pub(crate) async fn serve(data: &Path) -> Result<()> {
    let acceptor = tls::Material::read(data)?.acceptor()?;
    let listener = TcpListener::bind("127.0.0.1:0").await.context("listening")?;
    let address = listener.local_addr().context("asking for the address")?;
    writeln!(std::io::stdout(), "{address}").context("saying the address")?;
    let everybody: Arc<Mutex<HashMap<Hello, Outbound>>> = Arc::default();
    let (appends, arrived) = mpsc::channel();
    let (log, outbound) = (data.join("log"), everybody.clone());
    std::thread::spawn(move || write(&log, &arrived, &outbound));
    loop {
        let (stream, _) = listener.accept().await.context("accepting")?;
        let (acceptor, everybody, appends) = (acceptor.clone(), everybody.clone(), appends.clone());
        tokio::spawn(async move { connection(stream, acceptor, everybody, appends).await });
    }
}

async fn connection(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    everybody: Arc<Mutex<HashMap<Hello, Outbound>>>,
    appends: mpsc::Sender<Append>,
) -> Result<()> {
    stream.set_nodelay(true).context("turning Nagle off")?;
    let (mut from, to) = split(acceptor.accept(stream).await.context("shaking hands")?);
    let hello = Hello {
        pair: from.read_u32().await.context("reading the pair")?,
        receives: from.read_u8().await.context("reading the half")? == 1,
    };
    let (outbound, queued) = unbounded_channel();
    outbound.send(vec![1]).context("registering")?;
    everybody.lock().insert(hello, outbound);
    tokio::spawn(deliver(to, queued));
    let ended = take_in(&mut from, hello.pair, &appends).await;
    // The socket is closed when nobody can deliver to it any more.
    everybody.lock().remove(&hello);
    ended
}

async fn take_in(
    from: &mut ReadHalf<server::TlsStream<TcpStream>>,
    pair: u32,
    appends: &mpsc::Sender<Append>,
) -> Result<()> {
    loop {
        let mut frame = vec![0; FRAME];
        from.read_exact(&mut frame).await.context("reading a frame")?;
        appends.send(Append { pair, frame }).context("handing over a frame")?;
    }
}

async fn deliver(
    mut to: WriteHalf<server::TlsStream<TcpStream>>,
    mut queued: UnboundedReceiver<Vec<u8>>,
) -> Result<()> {
    while let Some(mut bytes) = queued.recv().await {
        while let Ok(more) = queued.try_recv() {
            bytes.extend(more);
        }
        to.write_all(&bytes).await.context("delivering")?;
        to.flush().await.context("flushing")?;
    }
    Ok(())
}

fn write(
    log: &Path,
    arrived: &mpsc::Receiver<Append>,
    everybody: &Mutex<HashMap<Hello, Outbound>>,
) -> Result<()> {
    let mut log = OpenOptions::new().create(true).append(true).open(log).context("opening the log")?;
    while let Ok(first) = arrived.recv() {
        let mut batch = vec![first];
        batch.extend(arrived.try_iter().take(4095));
        for part in batch.chunks(512) {
            let mut slices: Vec<IoSlice<'_>> =
                part.iter().map(|append| IoSlice::new(&append.frame)).collect();
            let mut slices = &mut slices[..];
            while !slices.is_empty() {
                let written = log.write_vectored(slices).context("appending")?;
                IoSlice::advance_slices(&mut slices, written);
            }
        }
        log.sync_data().context("syncing")?;
        let everybody = everybody.lock();
        for append in batch {
            if let Some(sender) = everybody.get(&Hello { pair: append.pair, receives: false }) {
                let _closed = sender.send(append.frame[..8].to_vec());
            }
            if let Some(receiver) = everybody.get(&Hello { pair: append.pair, receives: true }) {
                let _closed = receiver.send(append.frame);
            }
        }
    }
    Ok(())
}
