//! What a hostile provider does below HTTP, byte for byte on the open TLS connection, and how much of it got through.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// What is sent instead of an answer.
#[derive(Clone, Debug)]
pub(crate) enum Wire {
    /// These bytes, then the connection ends.
    Once(Vec<u8>),
    /// The first part, then the second one again and again, until cut off.
    Endless(Vec<u8>, Vec<u8>),
    /// Nothing, and the connection stays.
    Silent,
    /// The first part, then one byte a second.
    Slow(Vec<u8>),
}

/// What became of it.
#[derive(Debug, Default)]
pub(crate) struct Served {
    bytes: AtomicU64,
    cut: AtomicUsize,
    open: AtomicUsize,
    most_open: AtomicUsize,
}

impl Served {
    /// Bytes that were taken from us, what lies in socket buffers included.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::SeqCst)
    }

    /// How many such answers were cut off.
    pub(crate) fn cut(&self) -> usize {
        self.cut.load(Ordering::SeqCst)
    }

    /// The most of them that were under way at a time.
    pub(crate) fn most_open(&self) -> usize {
        self.most_open.load(Ordering::SeqCst)
    }
}

/// A head of an answer: status line, headers, the empty line.
pub(crate) fn head(status: &str, headers: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{headers}\r\n").into_bytes()
}

/// A whole answer with a JSON body.
pub(crate) fn json(body: &str) -> Wire {
    typed("application/json", body)
}

/// A whole answer with that content type.
pub(crate) fn typed(kind: &str, body: &str) -> Wire {
    let headers = format!("content-type: {kind}\r\ncontent-length: {}\r\n", body.len());
    Wire::Once([head("200 OK", &headers), body.as_bytes().to_vec()].concat())
}

/// Reads the head of a request, and the name that its path ends with.
pub(super) async fn request(stream: &mut (impl AsyncRead + Unpin)) -> Option<(Vec<u8>, String)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < 16 * 1024 {
        head.push(stream.read_u8().await.ok()?);
    }
    let text = String::from_utf8_lossy(&head);
    let path = text.split(' ').nth(1)?.rsplit('/').next()?.to_owned();
    Some((head, path))
}

/// Does it, until it is done or cut off.
pub(super) async fn answer(wire: &Wire, stream: impl AsyncRead + AsyncWrite + Unpin, served: &Arc<Served>) {
    let open = served.open.fetch_add(1, Ordering::SeqCst) + 1;
    served.most_open.fetch_max(open, Ordering::SeqCst);
    let (mut reader, mut writer) = tokio::io::split(stream);
    let hung_up = async {
        let mut rest = [0; 1024];
        while reader.read(&mut rest).await.is_ok_and(|read| read > 0) {}
    };
    let mut hung_up = std::pin::pin!(hung_up);
    let whole = tokio::select! {
        () = &mut hung_up => false,
        whole = send(wire, &mut writer, served) => whole,
    };
    if whole {
        // What was not read of the request would reset the connection before the answer is through.
        hung_up.await;
    } else {
        served.cut.fetch_add(1, Ordering::SeqCst);
    }
    served.open.fetch_sub(1, Ordering::SeqCst);
}

/// Whether all was sent.
async fn send(wire: &Wire, writer: &mut (impl AsyncWrite + Unpin), served: &Served) -> bool {
    let first: &[u8] = match wire {
        Wire::Once(first) | Wire::Endless(first, _) | Wire::Slow(first) => first,
        Wire::Silent => &[],
    };
    if !write(writer, first, served).await {
        return false;
    }
    match wire {
        Wire::Silent => std::future::pending().await,
        Wire::Once(_) => writer.shutdown().await.is_ok(),
        Wire::Endless(_, again) => {
            while write(writer, again, served).await {}
            false
        }
        Wire::Slow(_) => {
            let mut second = tokio::time::interval(Duration::from_secs(1));
            while write(writer, b" ", served).await {
                second.tick().await;
            }
            false
        }
    }
}

async fn write(writer: &mut (impl AsyncWrite + Unpin), bytes: &[u8], served: &Served) -> bool {
    let written = writer.write_all(bytes).await.is_ok() && writer.flush().await.is_ok();
    if written {
        served.bytes.fetch_add(bytes.len() as u64, Ordering::SeqCst);
    }
    written
}
