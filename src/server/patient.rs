//! A connection whose other end must take on what is written to it. hyper bounds how long it reads a request's head, but not
//! how long it waits for somebody to read the answer.

use hyper::rt::{Read, ReadBufCursor, Write};
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Sleep, sleep};

/// Fails a write that makes no headway for a while, which ends the connection.
pub struct Patient<T> {
    inner: T,
    patience: Duration,
    /// Since a write first had to wait.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<T> Patient<T> {
    pub fn new(inner: T, patience: Duration) -> Self {
        Self { inner, patience, stalled: None }
    }

    /// What a write says, or that it has waited for too long.
    fn bounded(
        &mut self,
        written: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let patience = self.patience;
        ready!(self.stalled.get_or_insert_with(|| Box::pin(sleep(patience))).as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<T: Read + Unpin> Read for Patient<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

// Flushing and shutting down a TCP stream never waits.
impl<T: Write + Unpin> Write for Patient<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.bounded(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(context, slices);
        self.bounded(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::routing::get;
    use hyper::server::conn::http1;
    use hyper_util::rt::TokioIo;
    use hyper_util::service::TowerToHyperService;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::task::JoinHandle;

    const SIZE: usize = 64 << 10;

    /// A connection that holds a thousand bytes, on which somebody asks for a page of many more.
    async fn asked(patience: Duration) -> (DuplexStream, JoinHandle<hyper::Result<()>>) {
        let (mut caller, stream) = duplex(1000);
        let app = Router::new().route("/", get(|| async { "x".repeat(SIZE) }));
        let connection = http1::Builder::new()
            .serve_connection(Patient::new(TokioIo::new(stream), patience), TowerToHyperService::new(app));
        let served = tokio::spawn(connection);
        caller.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
        (caller, served)
    }

    #[tokio::test]
    async fn an_answer_that_nobody_reads_ends_the_connection() {
        let (_caller, served) = asked(Duration::from_millis(50)).await;
        let over = tokio::time::timeout(Duration::from_secs(5), served).await;
        assert!(over.expect("the connection to end").unwrap().is_err());
    }

    #[tokio::test]
    async fn who_reads_slowly_gets_all_of_it() {
        let (mut caller, served) = asked(Duration::from_secs(2)).await;
        let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
        loop {
            let read = caller.read(&mut piece).await.unwrap();
            if read == 0 {
                break;
            }
            answer.extend_from_slice(&piece[..read]);
            // Longer than the patience in all, not between two pieces.
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
        served.await.unwrap().unwrap();
        assert!(answer.ends_with("x".repeat(SIZE).as_bytes()));
    }
}
