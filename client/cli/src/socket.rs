//! The owner's socket: one JSON object a line, both ways, between processes of one person.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};

/// Longest line: a message of the largest size, escaped, and its frame.
const LONGEST: u64 = 8 * wickr_wire::MAX_MESSAGE_BYTES as u64;

/// Longest path that a socket address holds (`sockaddr_un.sun_path`, without the end).
const LONGEST_PATH: usize = 107;

/// A connection with the other process.
pub(crate) struct Lines {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
}

impl Lines {
    pub(crate) fn new(stream: UnixStream) -> Self {
        let (reader, writer) = stream.into_split();
        Self { reader: BufReader::new(reader), writer }
    }

    pub(crate) async fn write(&mut self, value: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(value)?;
        line.push(b'\n');
        self.writer.write_all(&line).await
    }

    /// The next object; `None` when the other side has closed.
    pub(crate) async fn read<T: DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        let mut line = Vec::new();
        let mut limited = (&mut self.reader).take(LONGEST);
        let read = limited.read_until(b'\n', &mut line).await?;
        if read == 0 {
            return Ok(None);
        }
        if line.last() != Some(&b'\n') {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Some(serde_json::from_slice(&line)?))
    }
}

/// The address of a socket at `path`; long paths go by a handle on the directory.
struct Address {
    path: PathBuf,
    _directory: Option<File>,
}

fn address(path: &Path) -> io::Result<Address> {
    if path.as_os_str().len() <= LONGEST_PATH {
        return Ok(Address { path: path.to_owned(), _directory: None });
    }
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let directory = File::open(directory)?;
    let path = Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string()).join(name);
    Ok(Address { path, _directory: Some(directory) })
}

/// Listens at `path`. Only the owner of the profile may call this: what stands there is from one that is gone.
pub(crate) fn listen(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    UnixListener::bind(address(path)?.path)
}

pub(crate) async fn connect(path: &Path) -> io::Result<Lines> {
    Ok(Lines::new(UnixStream::connect(address(path)?.path).await?))
}

/// Whether the other process belongs to whom the profile belongs to. The directory's permissions say the same; this
/// holds even where somebody has changed them.
pub(crate) fn is_same_person(stream: &UnixStream, profile: &Path) -> bool {
    let owner = profile.metadata().map(|metadata| metadata.uid());
    match (stream.peer_cred(), owner) {
        (Ok(peer), Ok(owner)) => peer.uid() == owner || peer.uid() == 0,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_line_gets_across_also_where_the_path_is_too_long_for_a_socket() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("d".repeat(60)).join("e".repeat(60));
        std::fs::create_dir_all(&deep).unwrap();
        for directory in [folder.path(), deep.as_path()] {
            let path = directory.join("socket");
            let listener = listen(&path).unwrap();
            let mut near = connect(&path).await.unwrap();
            let (stream, _) = listener.accept().await.unwrap();
            assert!(is_same_person(&stream, directory));
            let mut far = Lines::new(stream);
            near.write(&vec!["x", "ü\n"]).await.unwrap();
            assert_eq!(far.read::<Vec<String>>().await.unwrap().unwrap(), ["x", "ü\n"]);
            drop(near);
            assert_eq!(far.read::<Vec<String>>().await.unwrap(), None);
        }
    }
}
