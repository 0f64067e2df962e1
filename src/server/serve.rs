//! The service on a socket: accept, answer, and an end in good order.

use super::crowd::Crowd;
use super::patient::Patient;
use super::{AppState, app};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
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

/// How many connections there may be at a time.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// In all; more wait in the operating system's queue.
    pub connections: usize,
    /// Of one address; more are closed at once. 0: no bound.
    pub per_address: usize,
}

/// Answer within these bounds until `stop` is done. Then the service says that it is not ready, takes no new connections, and lets
/// requests in flight and jobs finish within the time that [`TimeLimits::drain`](super::TimeLimits) gives.
pub async fn serve(listener: TcpListener, state: AppState, bounds: Bounds, stop: impl Future<Output = ()>) {
    let app = app(state.clone());
    let room = Arc::new(Semaphore::new(bounds.connections));
    let crowd = Crowd::new(bounds.per_address);
    let drain = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = async {
            // The semaphore is never closed, so this waits for room and nothing else.
            let permit = room.clone().acquire_owned().await.ok();
            listener.accept().await.map(|(stream, caller)| (stream, caller, permit))
        };
        let (stream, caller, permit) = tokio::select! {
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
        let Some(seat) = crowd.seat(caller.ip()) else {
            tracing::debug!(address = %caller.ip(), "closed a connection: its address has as many as it may");
            state.metrics.lost("per_address");
            continue;
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
        let metrics = state.metrics.clone();
        tokio::spawn(async move {
            // Callers who left, were too slow or spoke no HTTP: no fault of the server.
            if let Err(error) = connection.await {
                let reason = reason(&error);
                tracing::debug!(%error, reason, "a connection ended early");
                metrics.lost(reason);
            }
            drop((permit, seat));
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
}

/// Why a connection ended early, for who counts. What is `unreadable` hyper has answered by itself: 400 or 431, without a body.
fn reason(error: &hyper::Error) -> &'static str {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<io::Error>());
    if error.is_parse() {
        "unreadable"
    } else if error.is_timeout() || cause.is_some_and(|cause| cause.kind() == io::ErrorKind::TimedOut) {
        "timeout"
    } else {
        "left"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;
    use crate::engine::fake::{Control, LIMITS, eventually};
    use crate::server::body::MAX_BYTES;
    use crate::server::listening::bind;
    use crate::server::tests::policy;
    use crate::server::{Policy, TimeLimits};
    use std::net::SocketAddr;
    use std::sync::atomic::Ordering::SeqCst;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::sync::oneshot;

    const BOUNDS: Bounds = Bounds { connections: 64, per_address: 0 };

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

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn callers_who_leave_cancel_and_stopping_lets_the_rest_finish() {
        let control = Arc::new(Control::default());
        let engine = Arc::new(Engine::start(vec![control.spec("fake")], None, LIMITS).unwrap());
        let state = AppState::new(engine, policy()).unwrap();
        let listener = bind("127.0.0.1", 0).unwrap().listen().unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(serve(listener, state, BOUNDS, async { drop(stopped.await) }));

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
        served.await.unwrap();
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
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.unwrap();
        let listener = runtime.block_on(async { bind("127.0.0.1", 0).unwrap().listen().unwrap() });
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
        runtime.block_on(serve(listener, state, BOUNDS, begun));
        // The process ends now.
        runtime.shutdown_background();
        let answer = caller.join().unwrap();
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("shutting_down"), "{answer}");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn jobs_that_are_let_in_while_stopping_are_waited_for() {
        let (control, state) = service(Duration::from_secs(20));
        let listener = bind("127.0.0.1", 0).unwrap().listen().unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(serve(listener, state.clone(), BOUNDS, async { drop(stopped.await) }));
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
        served.await.unwrap();
        assert_eq!(state.jobs.count(), (0, 2));
        drop(stream);
    }

    /// Send these bytes; whatever comes back until the end of the connection.
    async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let mut answer = Vec::new();
        // Where the server hangs up at once, sending or receiving may fail instead.
        if stream.write_all(bytes).await.is_ok() {
            let _ = stream.read_to_end(&mut answer).await;
        }
        String::from_utf8(answer).unwrap()
    }

    fn has_lost(state: &AppState, reason: &str, count: usize) -> bool {
        let line = format!("duet_connections_lost_total{{reason=\"{reason}\"}} {count}\n");
        state.metrics.text().unwrap().contains(&line)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_is_no_http_is_answered_and_counted() {
        let (_, state) = service(Duration::ZERO);
        let listener = bind("127.0.0.1", 0).unwrap().listen().unwrap();
        let address = listener.local_addr().unwrap();
        let served = tokio::spawn(serve(listener, state.clone(), BOUNDS, std::future::pending()));
        let many = format!("GET /livez HTTP/1.1\r\nhost: localhost\r\n{}\r\n", "x: 1\r\n".repeat(300));
        // One that does not end, so that nothing of it stays unread.
        let mut long = "GET /livez HTTP/1.1\r\nhost: localhost\r\nx-long: ".to_owned();
        long.push_str(&"x".repeat(HEADER_BYTES - long.len()));
        for (count, (request, status)) in [
            ("NONSENSE\r\n\r\n", "400"),
            ("GET /livez HTTP/1.1\r\nhost: localhost\r\nbad name: 1\r\n\r\n", "400"),
            (many.as_str(), "431"),
            (long.as_str(), "431"),
        ]
        .into_iter()
        .enumerate()
        {
            let answer = exchange(address, request.as_bytes()).await;
            assert_eq!(answer.get(9..12), Some(status), "{answer}");
            eventually("it to be counted", || has_lost(&state, "unreadable", count + 1));
        }
        let answer =
            exchange(address, b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(has_lost(&state, "unreadable", 4));
        served.abort();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_body_in_chunks_of_one_byte_is_bounded_as_any_other() {
        let (_, state) = service(Duration::ZERO);
        let listener = bind("127.0.0.1", 0).unwrap().listen().unwrap();
        let address = listener.local_addr().unwrap();
        let served = tokio::spawn(serve(listener, state, BOUNDS, std::future::pending()));
        let ask = async |prompt: &str| {
            let mut asked = "POST /generate HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
                 content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
                .to_owned();
            for byte in format!("{{\"prompt\":\"{prompt}\"}}").chars() {
                asked.push_str("1\r\n");
                asked.push(byte);
                asked.push_str("\r\n");
            }
            asked.push_str("0\r\n\r\n");
            exchange(address, asked.as_bytes()).await
        };
        let answer = ask("walk").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{}", &answer[..answer.len().min(300)]);
        let answer = ask(&"x".repeat(MAX_BYTES)).await;
        assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("payload_too_large"), "{answer}");
        served.abort();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_address_has_as_many_connections_as_it_may() {
        let (_, state) = service(Duration::ZERO);
        let listener = bind("127.0.0.1", 0).unwrap().listen().unwrap();
        let address = listener.local_addr().unwrap();
        let bounds = Bounds { per_address: 2, ..BOUNDS };
        let served = tokio::spawn(serve(listener, state.clone(), bounds, std::future::pending()));
        let request = b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        // They count as soon as they are there, whatever they ask.
        let (first, _second) =
            (TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap());
        assert_eq!(exchange(address, request).await, "");
        assert!(has_lost(&state, "per_address", 1));
        drop(first);
        let asked = std::time::Instant::now();
        while !exchange(address, request).await.starts_with("HTTP/1.1 200") {
            assert!(asked.elapsed() < Duration::from_secs(5), "nobody takes the place of who has left");
        }
        served.abort();
    }
}
