//! Streams whose other end has to read: who asks and takes no answer loses the connection.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// A stream whose writes fail when none gets on for a while.
pub(super) struct Steady<S> {
    stream: S,
    limit: Duration,
    /// When the write that waits has waited for too long.
    end: Option<Pin<Box<Sleep>>>,
}

impl<S> Steady<S> {
    /// `stream`, on which a write waits for `limit` at most.
    pub(super) const fn new(stream: S, limit: Duration) -> Self {
        Self { stream, limit, end: None }
    }

    /// `written`, or an error where it waits for too long.
    fn hold(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.end = None;
            return written;
        }
        let limit = self.limit;
        let end = self.end.get_or_insert_with(|| Box::pin(sleep(limit)));
        end.as_mut().poll(cx).map(|()| Err(io::Error::new(io::ErrorKind::TimedOut, "the other end does not read")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Steady<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Steady<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let steady = self.get_mut();
        let written = Pin::new(&mut steady.stream).poll_write(cx, octets);
        steady.hold(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let steady = self.get_mut();
        let written = Pin::new(&mut steady.stream).poll_write_vectored(cx, pieces);
        steady.hold(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const LIMIT: Duration = Duration::from_millis(500);

    #[tokio::test]
    async fn who_does_not_read_is_not_written_to_for_ever() {
        let (near, _far) = tokio::io::duplex(8);
        let (mut near, start) = (Steady::new(near, LIMIT), Instant::now());
        let failed = near.write_all(&[0; 24]).await.unwrap_err();
        assert_eq!(failed.kind(), io::ErrorKind::TimedOut);
        assert!(start.elapsed() >= LIMIT);
    }

    #[tokio::test]
    async fn who_reads_now_and_then_gets_all_of_it() {
        let (near, mut far) = tokio::io::duplex(8);
        let (mut near, start) = (Steady::new(near, LIMIT), Instant::now());
        let writing = async {
            near.write_all(&[0; 64]).await.unwrap();
            start.elapsed()
        };
        let reading = async {
            for _ in 0..8 {
                sleep(LIMIT / 5).await;
                far.read_exact(&mut [0; 8]).await.unwrap();
            }
        };
        assert!(tokio::join!(writing, reading).0 > LIMIT);
    }
}
