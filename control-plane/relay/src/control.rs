//! A Unix socket in the data directory, for commands of the same user on the same machine: one line, one answer.
//!
//! `backup DIRECTORY` is answered with `ok {"file","records","bytes"}` or `error TEXT`.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};

use crate::relay::Relay;

/// The longest line.
const MAX_LINE: u64 = 8 * 1024;

/// For the line to arrive.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where the socket lies.
pub(crate) fn path(data: &Path) -> PathBuf {
    data.join("control.sock")
}

/// Opens it; a socket that a killed process has left is replaced (the store's lock says that there is no other).
pub(crate) fn open(data: &Path) -> io::Result<UnixListener> {
    let path = path(data);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Answers until it is dropped.
pub(crate) async fn serve(relay: Arc<Relay>, listener: UnixListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(answer(Arc::clone(&relay), stream));
            }
            Err(error) => {
                tracing::warn!(%error, "the control socket");
                tokio::time::sleep(PATIENCE).await;
            }
        }
    }
}

async fn answer(relay: Arc<Relay>, mut stream: UnixStream) {
    let mut line = String::new();
    let (read, mut write) = stream.split();
    let mut read = BufReader::new(read.take(MAX_LINE));
    let Ok(Ok(_)) = tokio::time::timeout(PATIENCE, read.read_line(&mut line)).await else { return };
    let said = match line.trim_end_matches('\n').split_once(' ') {
        Some(("backup", directory)) => match relay.store.backup(PathBuf::from(directory)).await {
            Ok(done) => {
                let (file, records, bytes) = (done.file, done.records, done.bytes);
                format!("ok {}\n", json!({"file": file, "records": records, "bytes": bytes}))
            }
            Err(error) => format!("error {error}\n"),
        },
        _ => "error the one command is: backup DIRECTORY\n".to_owned(),
    };
    // Whoever asked may be gone.
    let _ = write.write_all(said.as_bytes()).await;
}
