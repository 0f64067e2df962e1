//! The service on a socket: bind, accept, and an end in good order.

use crate::error::{Error, ErrorKind, Result};
use axum::Router;
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
/// Connections at a time; more wait in the operating system's queue.
const CONNECTIONS: usize = 512;
/// How long requests in flight may take to finish once the server is asked to stop.
pub const DRAIN_TIME: Duration = Duration::from_secs(10);
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

/// Answer until `stop` is done, then let requests in flight finish within [`DRAIN_TIME`].
///
/// # Errors
/// `cannot_listen`.
pub async fn serve(listener: TcpListener, app: Router, stop: impl Future<Output = ()>) -> Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener).map_err(|source| {
        Error::new(ErrorKind::Io, "cannot_listen", "cannot listen on this port").with_source(source)
    })?;
    let room = Arc::new(Semaphore::new(CONNECTIONS));
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
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app.clone()));
        let connection = drain.watch(connection);
        tokio::spawn(async move {
            // Mostly callers who left or were too slow: no fault of the server.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(permit);
        });
    }
    drop(listener);
    tracing::info!("stopping; requests in flight may finish");
    if tokio::time::timeout(DRAIN_TIME, drain.shutdown()).await.is_err() {
        tracing::warn!("some requests did not finish in time and were dropped");
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
