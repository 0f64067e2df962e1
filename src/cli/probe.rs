//! `duet probe`: is a server on this machine ready? For health checks where there is no curl.

use crate::error::{Error, ErrorKind, Result};
use clap::Args;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

/// Patience for each step: connecting, sending, each read.
const PATIENCE: Duration = Duration::from_secs(2);
/// The status line is all that counts.
const STATUS_BYTES: usize = 12;

/// Ask a server on this machine whether it is ready (exit code 0) or not (1); for health checks of containers
#[derive(Debug, Args)]
pub struct ProbeArgs {
    /// Port of the server
    #[arg(long, env = "DUET_PORT", default_value_t = 8080)]
    port: u16,
    /// Ask whether it is alive instead: then a new process would not help
    #[arg(long)]
    live: bool,
}

/// Ask.
///
/// # Errors
/// `not_ready`, with what was found instead.
pub fn run(args: &ProbeArgs) -> Result<()> {
    let path = if args.live { "/livez" } else { "/readyz" };
    let not_ready = |words: String| Error::new(ErrorKind::Unavailable, "not_ready", words);
    match status(args.port, path) {
        Ok(line) if is_well(&line) => Ok(()),
        Ok(line) => Err(not_ready(format!("the server on port {} answers {line:?} to {path}", args.port))),
        Err(source) => {
            Err(not_ready(format!("no server answers on port {}: {source}", args.port)).with_source(source))
        }
    }
}

fn status(port: u16, path: &str) -> std::io::Result<String> {
    let mut stream = connect(port)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    // In one piece: whoever has hung up refuses a second one, and what it answered before would not be read.
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut line = [0; STATUS_BYTES];
    stream.read_exact(&mut line)?;
    Ok(String::from_utf8_lossy(&line).into_owned())
}

/// Whether an answer that begins like this is a 200.
fn is_well(line: &str) -> bool {
    matches!(line, "HTTP/1.1 200" | "HTTP/1.0 200")
}

/// Over IPv4 or IPv6, whichever the server listens on.
fn connect(port: u16) -> std::io::Result<TcpStream> {
    let mut last = std::io::ErrorKind::AddrNotAvailable.into();
    for address in [("127.0.0.1", port), ("::1", port)] {
        let addresses: Vec<SocketAddr> = address.to_socket_addrs()?.collect();
        for address in addresses {
            match TcpStream::connect_timeout(&address, PATIENCE) {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::TcpListener;

    proptest! {
        #[test]
        fn nothing_but_a_200_is_well(noise in "\\PC{0,16}", version in "HTTP/[0-9].[0-9]", status in 0..1000u32) {
            prop_assert!(!is_well(&noise));
            let line = format!("{version} {status:03}");
            let known = version == "HTTP/1.1" || version == "HTTP/1.0";
            prop_assert_eq!(is_well(&line), known && status == 200);
        }
    }

    #[test]
    fn only_200_is_ready() {
        for (answer, ready) in
            [("HTTP/1.1 200 OK\r\n\r\n", true), ("HTTP/1.1 503 Service", false), ("HTTP", false)]
        {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = listener.local_addr().unwrap().port();
            let server = std::thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                let mut asked = [0; 512];
                let count = stream.read(&mut asked).unwrap();
                assert!(asked[..count].starts_with(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\n"));
                stream.write_all(answer.as_bytes()).unwrap();
            });
            assert_eq!(run(&ProbeArgs { port, live: false }).is_ok(), ready, "{answer}");
            server.join().unwrap();
        }
    }
}
