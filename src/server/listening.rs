//! Where the service is heard: an address that is reserved at once, and listened on once there is somebody to answer.

use crate::error::{Error, ErrorKind, Result};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use tokio::net::{TcpListener, TcpSocket};

/// Connections that the operating system holds until they are accepted.
const BACKLOG: u32 = 128;

/// An address that is ours and nobody else's, where nobody is heard yet: who calls is refused, and not kept waiting.
#[derive(Debug)]
pub struct Reserved {
    socket: TcpSocket,
    address: SocketAddr,
}

/// Take the address before anything slow is done, so that a taken port is known at once.
///
/// # Errors
/// `port_in_use`, `invalid_host`, `cannot_listen`.
pub fn bind(host: &str, port: u16) -> Result<Reserved> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let addresses = (bare, port).to_socket_addrs().map_err(|source| no_host(host).with_source(source))?;
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match reserve(address) {
            Ok(reserved) => return Ok(reserved),
            Err(error) => last = error,
        }
    }
    Err(refusal(host, port, last))
}

impl Reserved {
    /// The address, its port chosen.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Hear callers from now on. To be called inside a tokio runtime.
    ///
    /// # Errors
    /// `port_in_use`, `cannot_listen`.
    pub fn listen(self) -> Result<TcpListener> {
        let Self { socket, address } = self;
        // For the next server: connections of this one that linger must not keep it from the port.
        share(&socket)
            .and_then(|()| socket.listen(BACKLOG))
            .map_err(|source| refusal(&address.ip().to_string(), address.port(), source))
    }
}

/// Alone where that can be, so that a second server is told while the first one still loads its model. Connections of an earlier one
/// that linger are in the way of that, and only of that.
fn reserve(address: SocketAddr) -> io::Result<Reserved> {
    let new = || if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    let mut socket = new()?;
    match socket.bind(address) {
        Err(error) if cfg!(unix) && error.kind() == io::ErrorKind::AddrInUse => {
            socket = new()?;
            share(&socket)?;
            socket.bind(address)?;
        }
        bound => bound?,
    }
    let address = socket.local_addr()?;
    Ok(Reserved { socket, address })
}

/// Let the address be taken in spite of connections that linger. On Windows that is so anyway, and the option means something else.
fn share(socket: &TcpSocket) -> io::Result<()> {
    if cfg!(unix) { socket.set_reuseaddr(true) } else { Ok(()) }
}

fn no_host(host: &str) -> Error {
    let message =
        format!("{host} is no address of this machine; use 127.0.0.1, or 0.0.0.0 for all its addresses");
    Error::invalid("invalid_host", message)
}

fn refusal(host: &str, port: u16, source: io::Error) -> Error {
    match source.kind() {
        io::ErrorKind::AddrInUse => Error::new(
            ErrorKind::Io,
            "port_in_use",
            format!(
                "port {port} on {host} is in use; choose another with --port, or let the system choose with --port 0"
            ),
        ),
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::InvalidInput => no_host(host).with_source(source),
        io::ErrorKind::PermissionDenied => Error::new(
            ErrorKind::Io,
            "cannot_listen",
            format!("not allowed to listen on port {port}; ports from 1024 up need no permission"),
        ),
        _ => Error::new(
            ErrorKind::Io,
            "cannot_listen",
            format!("cannot listen on {host} port {port}: {source}"),
        ),
    }
}

/// The address to open in a browser on this machine.
pub fn url(address: SocketAddr) -> String {
    let mut address = address;
    if address.ip().is_unspecified() {
        let loopback: IpAddr = match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        address.set_ip(loopback);
    }
    format!("http://{address}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;

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
        let port = taken.address().port();
        assert_eq!(bind("127.0.0.1", port).unwrap_err().code(), "port_in_use", "while nobody listens yet");
        let heard = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = heard.local_addr().unwrap().port();
        assert_eq!(bind("127.0.0.1", port).unwrap_err().code(), "port_in_use");
        for host in ["192.0.2.1", "no such host", "", "http://localhost"] {
            assert_eq!(bind(host, 0).unwrap_err().code(), "invalid_host", "{host}");
        }
        assert!(bind("localhost", 0).is_ok());
    }

    #[tokio::test]
    async fn who_calls_too_early_is_refused_and_who_lingers_is_not_in_the_way() {
        let reserved = bind("127.0.0.1", 0).unwrap();
        let address = reserved.address();
        let refused = TcpStream::connect(address).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        let listener = reserved.listen().unwrap();
        let caller = TcpStream::connect(address).unwrap();
        let (answered, _) = listener.accept().await.unwrap();
        // Whoever hangs up first keeps the connection for a while after its end.
        drop((answered, caller, listener));
        let again = bind("127.0.0.1", address.port()).unwrap();
        assert_eq!(again.address(), address);
        assert!(again.listen().is_ok());
    }
}
