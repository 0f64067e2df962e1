//! A small hub on 127.0.0.1 that behaves as the real one does for large files: the answer to HEAD and GET is a redirect that
//! carries size, SHA-256 and commit; the storage it leads to serves ranges and refuses HEAD. It can be made to fail.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Response, StatusCode, header};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// The commit that `main` stands for.
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// Ways to fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// None.
    #[default]
    None,
    /// The storage breaks the connection after so many bytes of a file longer than that, and then stays away.
    CutAfter(usize),
    /// The storage serves every byte but the last one right.
    WrongLastByte,
    /// The storage ignores ranges.
    NoRanges,
    /// Only requests with this token are answered.
    NeedsToken(&'static str),
}

#[derive(Default)]
struct Shared {
    /// By `owner/name/path`.
    files: BTreeMap<String, Bytes>,
    fault: Fault,
    down: bool,
    log: Vec<String>,
}

/// A running hub; stops when dropped.
pub struct LoopbackHub {
    shared: Arc<Mutex<Shared>>,
    /// `http://127.0.0.1:port`
    pub endpoint: String,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl LoopbackHub {
    pub fn start() -> Self {
        let shared = Arc::new(Mutex::new(Shared::default()));
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        let state = shared.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                let app = Router::new().fallback(answer).with_state(state);
                let server = axum::serve(listener, app);
                tokio::select! {
                    _ = server => {}
                    _ = stopped => {}
                }
            });
        });
        let endpoint = format!("http://{}", told.recv().unwrap());
        Self { shared, endpoint, stop: Some(stop), thread: Some(thread) }
    }

    pub fn put(&self, repo: &str, path: &str, data: impl Into<Bytes>) {
        self.shared.lock().unwrap().files.insert(format!("{repo}/{path}"), data.into());
    }

    pub fn remove(&self, repo: &str, path: &str) {
        self.shared.lock().unwrap().files.remove(&format!("{repo}/{path}")).unwrap();
    }

    pub fn fail(&self, fault: Fault) {
        let mut shared = self.shared.lock().unwrap();
        shared.fault = fault;
        shared.down = false;
    }

    /// Requests since the last call: method, path and range.
    pub fn take_log(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.lock().unwrap().log)
    }
}

impl Drop for LoopbackHub {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

async fn answer(State(state): State<Arc<Mutex<Shared>>>, request: Request) -> Response<Body> {
    let path = request.uri().path().trim_start_matches('/').to_owned();
    let header = |name: header::HeaderName| {
        request.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned)
    };
    let range = header(header::RANGE);
    let host = header(header::HOST).unwrap_or_default();
    let mut shared = state.lock().unwrap();
    shared.log.push(
        format!("{} {path} {}", request.method(), range.clone().unwrap_or_default()).trim_end().to_owned(),
    );
    if let Some(key) = path.strip_prefix("storage/") {
        return storage(&mut shared, key, request.method(), range);
    }
    if let Fault::NeedsToken(token) = shared.fault
        && header(header::AUTHORIZATION) != Some(format!("Bearer {token}"))
    {
        return plain(StatusCode::UNAUTHORIZED, HeaderMap::new());
    }
    let parts: Vec<&str> = path.splitn(5, '/').collect();
    let [owner, name, "resolve", revision, file] = parts[..] else {
        return plain(StatusCode::NOT_FOUND, HeaderMap::new());
    };
    let mut headers = HeaderMap::new();
    let mut set = |name: &'static str, value: String| drop(headers.insert(name, value.parse().unwrap()));
    if !shared.files.keys().any(|key| key.starts_with(&format!("{owner}/{name}/"))) {
        return plain(StatusCode::UNAUTHORIZED, HeaderMap::new());
    }
    if revision != "main" && revision != COMMIT {
        set("x-error-code", "RevisionNotFound".into());
        return plain(StatusCode::NOT_FOUND, headers);
    }
    set("x-repo-commit", COMMIT.into());
    let key = format!("{owner}/{name}/{file}");
    let Some(data) = shared.files.get(&key) else {
        set("x-error-code", "EntryNotFound".into());
        return plain(StatusCode::NOT_FOUND, headers);
    };
    let digest = duet::package::digest::sha256(&data[..]).unwrap();
    if file.ends_with(".safetensors") {
        set("x-linked-etag", format!("\"{digest}\""));
        set("x-linked-size", data.len().to_string());
        set("location", format!("http://{host}/storage/{key}"));
        return plain(StatusCode::FOUND, headers);
    }
    // Small files come directly, with a git fingerprint of 40 digits.
    set("etag", format!("\"{}\"", &digest[..40]));
    set("content-length", data.len().to_string());
    let body = if request.method() == Method::HEAD { Body::empty() } else { Body::from(data.clone()) };
    respond(StatusCode::OK, headers, body)
}

fn storage(shared: &mut Shared, key: &str, method: &Method, range: Option<String>) -> Response<Body> {
    if method == Method::HEAD {
        return plain(StatusCode::FORBIDDEN, HeaderMap::new());
    }
    if shared.down {
        return plain(StatusCode::SERVICE_UNAVAILABLE, HeaderMap::new());
    }
    let Some(mut data) = shared.files.get(key).cloned() else {
        return plain(StatusCode::NOT_FOUND, HeaderMap::new());
    };
    let whole = data.len();
    if shared.fault == Fault::WrongLastByte {
        let mut wrong = data.to_vec();
        wrong[whole - 1] ^= 1;
        data = wrong.into();
    }
    let start = range
        .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok())
        .filter(|_| shared.fault != Fault::NoRanges);
    let mut headers = HeaderMap::new();
    // A storage's own fingerprint, which is not the hub's.
    headers.insert(header::ETAG, "\"storage\"".parse().unwrap());
    let status = match start {
        Some(start) if start < whole => {
            headers.insert(
                header::CONTENT_RANGE,
                format!("bytes {start}-{}/{whole}", whole - 1).parse().unwrap(),
            );
            data = data.slice(start..);
            StatusCode::PARTIAL_CONTENT
        }
        Some(_) => return plain(StatusCode::RANGE_NOT_SATISFIABLE, headers),
        None => StatusCode::OK,
    };
    headers.insert(header::CONTENT_LENGTH, data.len().to_string().parse().unwrap());
    match shared.fault {
        Fault::CutAfter(count) if data.len() > count => {
            shared.down = true;
            let pieces = [Ok(data.slice(..count)), Err(std::io::Error::other("cut"))];
            respond(status, headers, Body::from_stream(futures_util::stream::iter(pieces)))
        }
        _ => respond(status, headers, Body::from(data)),
    }
}

fn plain(status: StatusCode, headers: HeaderMap) -> Response<Body> {
    respond(status, headers, Body::empty())
}

fn respond(status: StatusCode, headers: HeaderMap, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
