//! Passes TCP on as it is, for what the tap is not meant to read.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A running forwarder; it ends when this is dropped.
pub struct Forward {
    task: JoinHandle<()>,
}

impl Forward {
    /// Listens on `on` and passes each connection to `to`.
    pub async fn start(on: SocketAddr, to: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(on).await.with_context(|| format!("listening on {on}"))?;
        let task = tokio::spawn(async move {
            while let Ok((mut inbound, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut outbound = TcpStream::connect(to).await?;
                    copy_bidirectional(&mut inbound, &mut outbound).await
                });
            }
        });
        Ok(Self { task })
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        self.task.abort();
    }
}
