//! The peer for memory: a WebSocket server as axum makes it when nobody chooses a buffer, without TLS, without sign-in.
//! It runs as a process of its own (`wickr-bench axum-server`).

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::WebSocketUpgrade;
use axum::response::Response;
use axum::routing::any;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// A running one; ended on drop.
pub(crate) struct DefaultServer {
    process: Child,
    address: SocketAddr,
}

impl DefaultServer {
    pub(crate) fn start() -> Result<Self> {
        let mut process = Command::new(std::env::current_exe().context("finding this program")?)
            .arg("axum-server")
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the axum server")?;
        let output = process.stdout.take().context("reading the axum server")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).context("waiting for the axum server")?;
        let address = line.trim().parse().context("reading the axum server's address")?;
        Ok(Self { process, address })
    }

    pub(crate) fn process(&self) -> u32 {
        self.process.id()
    }

    /// An open WebSocket.
    pub(crate) async fn connect(&self) -> Result<WebSocketStream<TcpStream>> {
        let config = WebSocketConfig::default().read_buffer_size(1024).write_buffer_size(0);
        let stream = TcpStream::connect(self.address).await.context("connecting to the axum server")?;
        let request =
            format!("ws://{}/", self.address).into_client_request().context("making the request")?;
        let (socket, _) = tokio_tungstenite::client_async_with_config(request, stream, Some(config))
            .await
            .context("upgrading to a WebSocket")?;
        Ok(socket)
    }
}

impl Drop for DefaultServer {
    fn drop(&mut self) {
        let _ended = self.process.kill().and_then(|()| self.process.wait());
    }
}

/// Says its address on standard output and serves until it is killed.
pub(crate) async fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("listening")?;
    let address = listener.local_addr().context("asking for the address")?;
    writeln!(std::io::stdout(), "{address}").context("saying the address")?;
    axum::serve(listener, Router::new().route("/", any(answer))).await.context("serving")
}

async fn answer(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(|mut socket| async move {
        while let Some(Ok(message)) = socket.recv().await {
            if socket.send(message).await.is_err() {
                return;
            }
        }
    })
}
