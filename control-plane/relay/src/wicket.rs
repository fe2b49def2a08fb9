//! A stream of which little is read until it is opened: what a stranger can make the relay hold is bounded in bytes,
//! however many frames they are cut into. What is done with the stream: `connection.rs`.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream behind a wicket.
#[derive(Debug)]
pub(crate) struct Wicket<S> {
    stream: S,
    /// Bytes that may still be read; `None` once it is open.
    left: Option<usize>,
}

impl<S> Wicket<S> {
    /// Lets `allowance` bytes in.
    pub(crate) fn new(stream: S, allowance: usize) -> Self {
        Self { stream, left: Some(allowance) }
    }

    /// Lets in whatever comes.
    pub(crate) fn open(&mut self) {
        self.left = None;
    }

    /// Whether more came than was allowed.
    pub(crate) fn is_used_up(&self) -> bool {
        self.left == Some(0)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wicket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(left) = self.left else { return Pin::new(&mut self.stream).poll_read(context, buffer) };
        if left == 0 {
            return Poll::Ready(Err(io::ErrorKind::QuotaExceeded.into()));
        }
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(left.min(buffer.remaining())));
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut part))?;
        let read = part.filled().len();
        buffer.advance(read);
        self.left = Some(left - read);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wicket<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[tokio::test]
    async fn a_closed_wicket_lets_in_its_allowance_and_no_byte_more() {
        let (mut stranger, stream) = tokio::io::duplex(1024);
        let mut wicket = Wicket::new(stream, 100);
        stranger.write_all(&[7; 300]).await.unwrap();
        let mut held = Vec::new();
        let refused = wicket.read_to_end(&mut held).await.unwrap_err();
        assert_eq!((refused.kind(), held.len()), (io::ErrorKind::QuotaExceeded, 100));
        assert!(wicket.is_used_up());
    }

    #[tokio::test]
    async fn an_open_wicket_lets_in_what_waited_before_it() {
        let (mut stranger, stream) = tokio::io::duplex(1024);
        let mut wicket = Wicket::new(stream, 100);
        stranger.write_all(&[7; 300]).await.unwrap();
        wicket.read_exact(&mut [0; 50]).await.unwrap();
        assert!(!wicket.is_used_up());
        wicket.open();
        wicket.read_exact(&mut [0; 250]).await.unwrap();
    }
}
