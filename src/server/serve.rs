//! The service on a socket: bind, accept, and an end in good order.

use super::patient::Patient;
use super::{AppState, app};
use crate::error::{Error, ErrorKind, Result};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// A request's line and headers must arrive within this time, and an idle connection is closed after it.
const HEADER_TIME: Duration = Duration::from_secs(20);
/// Bytes of request line and headers, at most.
const HEADER_BYTES: usize = 32 << 10;
/// An answer must be taken on within this time, piece by piece: one that nobody reads holds its memory and its connection.
const WRITE_TIME: Duration = Duration::from_secs(30);
/// For requests and jobs to be told that it is over, at the end.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Pause after a failed accept, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Take the address before anything slow is done, so that a taken port is known at once.
///
/// # Errors
/// `port_in_use`, `invalid_host`, `cannot_listen`.
pub fn bind(host: &str, port: u16) -> Result<TcpListener> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let no_host = || {
        let message =
            format!("{host} is no address of this machine; use 127.0.0.1, or 0.0.0.0 for all its addresses");
        Error::invalid("invalid_host", message)
    };
    let addresses: Vec<SocketAddr> =
        (bare, port).to_socket_addrs().map_err(|source| no_host().with_source(source))?.collect();
    let listener = TcpListener::bind(&addresses[..]).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => Error::new(
            ErrorKind::Io,
            "port_in_use",
            format!("port {port} on {host} is in use; choose another with --port, or let the system choose with --port 0"),
        ),
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::InvalidInput => no_host().with_source(source),
        io::ErrorKind::PermissionDenied => Error::new(
            ErrorKind::Io,
            "cannot_listen",
            format!("not allowed to listen on port {port}; ports from 1024 up need no permission"),
        ),
        _ => Error::new(ErrorKind::Io, "cannot_listen", format!("cannot listen on {host} port {port}: {source}")),
    })?;
    listener.set_nonblocking(true).map_err(|source| {
        Error::new(ErrorKind::Io, "cannot_listen", "cannot listen on this port").with_source(source)
    })?;
    Ok(listener)
}

/// Answer at most `connections` at a time (more wait in the operating system's queue) until `stop` is done. Then the service
/// says that it is not ready, takes no new connections, and lets requests in flight and jobs finish within the time that
/// [`TimeLimits::drain`](super::TimeLimits) gives.
///
/// # Errors
/// `cannot_listen`.
pub async fn serve(
    listener: TcpListener,
    state: AppState,
    connections: usize,
    stop: impl Future<Output = ()>,
) -> Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener).map_err(|source| {
        Error::new(ErrorKind::Io, "cannot_listen", "cannot listen on this port").with_source(source)
    })?;
    let app = app(state.clone());
    let room = Arc::new(Semaphore::new(connections));
    let drain = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = async {
            // The semaphore is never closed, so this waits for room and nothing else.
            let permit = room.clone().acquire_owned().await.ok();
            listener.accept().await.map(|(stream, _)| (stream, permit))
        };
        let (stream, permit) = tokio::select! {
            () = &mut stop => break,
            accepted = accepted => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "could not set TCP_NODELAY");
        }
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIME)
            .max_buf_size(HEADER_BYTES)
            .serve_connection(
                Patient::new(TokioIo::new(stream), WRITE_TIME),
                TowerToHyperService::new(app.clone()),
            );
        let connection = drain.watch(connection);
        tokio::spawn(async move {
            // Mostly callers who left or were too slow: no fault of the server.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(permit);
        });
    }
    state.stopping();
    drop(listener);
    tracing::info!(seconds = state.times.drain.as_secs(), "stopping; requests in flight and jobs may finish");
    let mut rest = std::pin::pin!(async {
        state.jobs.drained().await;
        drain.shutdown().await;
        // Those that open connections asked for meanwhile.
        state.jobs.drained().await;
    });
    if tokio::time::timeout(state.times.drain, &mut rest).await.is_err() {
        tracing::warn!("some requests and jobs did not finish in time and are stopped");
        // Who waits for an answer is told so. Jobs that are cut short say so on the disk, where they are kept, and are done
        // after the next start.
        state.engine.stop();
        if tokio::time::timeout(LAST_WORDS, rest).await.is_err() {
            tracing::warn!("some requests or jobs did not stop in time and were dropped");
        }
    }
    Ok(())
}

/// The address to open in a browser on this machine.
pub fn url(address: SocketAddr) -> String {
    let mut address = address;
    if address.ip().is_unspecified() {
        let loopback: std::net::IpAddr = match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        };
        address.set_ip(loopback);
    }
    format!("http://{address}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;
    use crate::engine::fake::{Control, LIMITS, eventually};
    use crate::server::tests::policy;
    use crate::server::{Policy, TimeLimits};
    use std::sync::atomic::Ordering::SeqCst;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::sync::oneshot;

    async fn ask(address: SocketAddr, body: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "POST /generate HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[test]
    fn addresses_to_open() {
        for (bound, shown) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("0.0.0.0:80", "http://127.0.0.1:80"),
            ("[::]:8080", "http://[::1]:8080"),
            ("192.0.2.7:1", "http://192.0.2.7:1"),
        ] {
            assert_eq!(url(bound.parse().unwrap()), shown);
        }
    }

    #[test]
    fn addresses_that_cannot_be_had() {
        let taken = bind("127.0.0.1", 0).unwrap();
        let port = taken.local_addr().unwrap().port();
        assert_eq!(bind("127.0.0.1", port).unwrap_err().code(), "port_in_use");
        for host in ["192.0.2.1", "no such host", "", "http://localhost"] {
            assert_eq!(bind(host, 0).unwrap_err().code(), "invalid_host", "{host}");
        }
        assert!(bind("localhost", 0).is_ok());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn callers_who_leave_cancel_and_stopping_lets_the_rest_finish() {
        let control = Arc::new(Control::default());
        let engine = Arc::new(Engine::start(vec![control.spec("fake")], None, LIMITS).unwrap());
        let state = AppState::new(engine, policy()).unwrap();
        let listener = bind("127.0.0.1", 0).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(serve(listener, state, 64, async { drop(stopped.await) }));

        assert!(ask(address, r#"{"prompt":"walk"}"#).await.starts_with("HTTP/1.1 200"));
        // A large body is answered, not cut off.
        let large = format!("{{\"prompt\":\"{}\"}}", "x".repeat(3 << 20));
        let refused = ask(address, &large).await;
        assert!(refused.starts_with("HTTP/1.1 413"), "{}", &refused[..refused.len().min(300)]);

        let leaver = tokio::spawn(async move { ask(address, r#"{"prompt":"wait"}"#).await });
        eventually("the work to begin", || control.started.load(SeqCst) == 2);
        leaver.abort();
        eventually("the work to be cancelled", || control.cancelled.load(SeqCst) == 1);

        let last = tokio::spawn(async move { ask(address, r#"{"prompt":"wait"}"#).await });
        eventually("the last request to begin", || control.started.load(SeqCst) == 3);
        stop.send(()).unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(TcpStream::connect(address).await.is_err(), "no new connections");
        control.open.store(true, SeqCst);
        assert!(last.await.unwrap().starts_with("HTTP/1.1 200"));
        served.await.unwrap().unwrap();
    }
    /// A fake model, and a service in front of it that waits so long for the rest at the end.
    fn service(drain: Duration) -> (Arc<Control>, AppState) {
        let control = Arc::new(Control::default());
        let engine = Arc::new(Engine::start(vec![control.spec("fake")], None, LIMITS).unwrap());
        let times = TimeLimits { drain, ..TimeLimits::default() };
        (control, AppState::new(engine, Policy { times, ..policy() }).unwrap())
    }

    #[test]
    fn who_is_not_done_at_the_end_is_told_so() {
        let (control, state) = service(Duration::from_millis(50));
        let listener = bind("127.0.0.1", 0).unwrap();
        let address = listener.local_addr().unwrap();
        let caller = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(ask(address, r#"{"prompt":"wait"}"#))
        });
        let begun = async {
            while control.started.load(SeqCst) == 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.unwrap();
        runtime.block_on(serve(listener, state, 64, begun)).unwrap();
        // The process ends now.
        runtime.shutdown_background();
        let answer = caller.join().unwrap();
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("shutting_down"), "{answer}");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn jobs_that_are_let_in_while_stopping_are_waited_for() {
        let (control, state) = service(Duration::from_secs(20));
        let listener = bind("127.0.0.1", 0).unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(serve(listener, state.clone(), 64, async { drop(stopped.await) }));
        let mut submit = async |prompt: &str| {
            let body = format!("{{\"prompt\":\"{prompt}\"}}");
            let request = format!(
                "POST /generate HTTP/1.1\r\nhost: localhost\r\nprefer: respond-async\r\n\
                 content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            while !answer.ends_with(b"}}") {
                assert!(stream.read_buf(&mut answer).await.unwrap() > 0, "the connection was closed");
            }
            assert!(answer.starts_with(b"HTTP/1.1 202"), "{}", String::from_utf8_lossy(&answer));
        };
        submit("wait").await;
        eventually("the first job to run", || control.started.load(SeqCst) == 1);
        stop.send(()).unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        submit("step by step").await;
        control.open.store(true, SeqCst);
        eventually("the second job to run", || control.started.load(SeqCst) == 2);
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(!served.is_finished());
        control.steps.store(100, SeqCst);
        served.await.unwrap().unwrap();
        assert_eq!(state.jobs.count(), (0, 2));
        drop(stream);
    }
}
