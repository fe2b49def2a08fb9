//! The backup command's way to a running relay: its control socket. A stopped one's store is its engine's matter.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use wickr_store::queue::BackupDone;

use crate::control;

/// Why a running relay has written no backup.
#[derive(Debug, thiserror::Error)]
pub enum SafekeepingError {
    /// The running relay could not be asked.
    #[error("asking the running relay through \"{socket}\"")]
    Ask {
        /// Its socket.
        socket: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The running relay could not do it.
    #[error("the running relay could not write the backup: {why}")]
    Refused {
        /// What it said.
        why: String,
    },
    /// The directory's name can't be said to the relay.
    #[error("\"{path}\" can't be given to the running relay: use an absolute UTF-8 path of one line")]
    Path {
        /// The directory.
        path: PathBuf,
    },
}

#[derive(Deserialize)]
struct Done {
    file: PathBuf,
    records: u64,
    bytes: u64,
}

/// Has the relay that runs in `data` write a backup into the directory `to`; `None` when none runs there.
pub fn backup_running(data: &Path, to: &Path) -> Result<Option<BackupDone>, SafekeepingError> {
    let socket = control::path(data);
    match UnixStream::connect(&socket) {
        Ok(stream) => ask(stream, to, socket).map(Some),
        Err(_) => Ok(None),
    }
}

fn ask(mut stream: UnixStream, to: &Path, socket: PathBuf) -> Result<BackupDone, SafekeepingError> {
    let to = std::path::absolute(to).unwrap_or_else(|_| to.to_owned());
    let name = to.to_str().filter(|name| !name.contains('\n'));
    let name = name.ok_or_else(|| SafekeepingError::Path { path: to.clone() })?;
    let mut line = String::new();
    let asked = stream
        .write_all(format!("backup {name}\n").as_bytes())
        .and_then(|()| BufReader::new(stream).read_line(&mut line));
    asked.map_err(|source| SafekeepingError::Ask { socket, source })?;
    let refused = |why: &str| SafekeepingError::Refused { why: why.trim_end().to_owned() };
    match line.split_once(' ') {
        Some(("ok", done)) => {
            let Done { file, records, bytes } =
                serde_json::from_str(done).map_err(|error| refused(&error.to_string()))?;
            Ok(BackupDone { file, records, bytes })
        }
        Some((_, why)) => Err(refused(why)),
        None => Err(refused("it said nothing")),
    }
}
