//! The real server on a port of its own, and the plainest of HTTP clients.

use super::small_model::duet;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

/// `duet serve`, stopped when dropped.
pub struct Server {
    pub child: Child,
    /// Host and port.
    pub address: String,
}

impl Server {
    /// Start it with the models of a folder and wait until it is ready. Nothing outlives it.
    pub fn start(models: &Path) -> Self {
        Self::start_with(models, &[])
    }

    /// The same with more flags.
    pub fn start_with(models: &Path, flags: &[&OsStr]) -> Self {
        let mut child = duet(models)
            .args(["serve", "--port", "0"])
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("Duet is ready: http://").expect(&line).to_owned();
        Self { child, address }
    }

    /// Send `request` as it is; the status and the body of the answer.
    pub fn send(&self, request: &str) -> (u16, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let status = std::str::from_utf8(&answer[9..12]).unwrap().parse().unwrap();
        let head = answer.windows(4).position(|end| end == b"\r\n\r\n").expect("a whole answer") + 4;
        (status, answer.split_off(head))
    }

    pub fn get(&self, path: &str) -> (u16, Vec<u8>) {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.address))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already gone where a test stopped it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
