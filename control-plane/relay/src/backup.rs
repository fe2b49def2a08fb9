//! The backup command's way to a running relay: its control socket. A stopped one's store is its engine's matter.

use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use wickr_store::queue::BackupDone;

use crate::control;

/// For the whole backup: the answer comes when it is written. 20 GiB take minutes on a slow disk.
const PATIENCE: Duration = Duration::from_mins(30);

/// Why a running relay has written no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Whether a relay runs can't be told.
    #[error("asking at \"{socket}\" whether a relay runs")]
    Connect {
        /// Its socket.
        socket: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
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
pub fn backup_running(data: &Path, to: &Path) -> Result<Option<BackupDone>, BackupError> {
    let socket = control::path(data);
    match UnixStream::connect(&socket) {
        Ok(stream) => ask(stream, to, socket, PATIENCE).map(Some),
        // No socket, or one that a killed relay has left. Anything else says nothing of whether a relay runs, and the
        // store of one that does must not be read past it.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => Ok(None),
        Err(source) => Err(BackupError::Connect { socket, source }),
    }
}

fn ask(
    mut stream: UnixStream,
    to: &Path,
    socket: PathBuf,
    patience: Duration,
) -> Result<BackupDone, BackupError> {
    let to = std::path::absolute(to).unwrap_or_else(|_| to.to_owned());
    let name = to.to_str().filter(|name| !name.contains('\n'));
    let name = name.ok_or_else(|| BackupError::Path { path: to.clone() })?;
    let mut line = String::new();
    let asked = stream
        .set_read_timeout(Some(patience))
        .and_then(|()| stream.write_all(format!("backup {name}\n").as_bytes()))
        .and_then(|()| BufReader::new(stream).read_line(&mut line));
    asked.map_err(|source| BackupError::Ask { socket, source })?;
    let refused = |why: &str| BackupError::Refused { why: why.trim_end().to_owned() };
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

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn no_socket_and_one_that_nobody_listens_at_mean_that_no_relay_runs() {
        let data = tempfile::tempdir().unwrap();
        assert!(matches!(backup_running(data.path(), data.path()), Ok(None)));
        drop(UnixListener::bind(control::path(data.path())).unwrap());
        assert!(matches!(backup_running(data.path(), data.path()), Ok(None)));
    }

    #[test]
    fn a_socket_that_can_not_be_asked_is_told_and_not_taken_for_a_relay_that_does_not_run() {
        let data = tempfile::tempdir().unwrap();
        let file = data.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = backup_running(&file, data.path()).unwrap_err();
        assert!(matches!(error, BackupError::Connect { .. }), "{error:?}");
    }

    #[test]
    fn a_relay_that_hangs_is_not_waited_for_without_end() {
        let data = tempfile::tempdir().unwrap();
        let socket = control::path(data.path());
        let _listens = UnixListener::bind(&socket).unwrap();
        let stream = UnixStream::connect(&socket).unwrap();
        let error = ask(stream, data.path(), socket, Duration::from_millis(20)).unwrap_err();
        assert!(matches!(error, BackupError::Ask { .. }), "{error:?}");
    }
}
