//! `duet serve`: the page and the HTTP service.

use super::device::ComputeArgs;
use super::models_at_hand::ModelsAtHand;
use crate::engine::{Engine, Limits};
use crate::error::{Error, ErrorKind, Result};
use crate::server::{self, AppState, Hosts, TimeLimits};
use clap::Args;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Serve the page and the HTTP API (this is what duet does without a command)
///
/// Prints `Duet is ready: http://127.0.0.1:8080` once the model is loaded; open that in a browser.
/// Ctrl-C or SIGTERM stops it after the requests in flight (10 seconds at most; twice stops it at once).
///
/// The API:
///   POST /generate              {"prompt": "two people dance salsa", "seconds": 4, "seed": 7}
///   POST /edit                  {"parent": "ID", "kind": "window", "from": 30, "to": 60, "prompt": "they bow"}
///   GET  /motions/ID            the same answer again, while it is kept
///   GET  /motions/ID/00_0.npy   keypoints of a person (the answer lists the files)
///   GET  /healthz               200 while the model is fine
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct ServeArgs {
    /// Address to listen on; 0.0.0.0 lets everybody in who can reach this machine
    #[arg(long, env = "DUET_HOST", default_value = "127.0.0.1")]
    host: String,
    /// Port to listen on; 0 lets the system choose a free one
    #[arg(long, env = "DUET_PORT", default_value_t = 8080)]
    port: u16,
    /// Model of requests that name none: a name, or the folder of a package [default: duet-mini, else the first at hand]
    #[arg(long, env = "DUET_MODEL", value_name = "NAME")]
    model: Option<String>,
    /// Also answer requests for this host name, such as that of a proxy in front. On 127.0.0.1 any other name but
    /// localhost is refused, so that no page on the web can reach in. May be repeated; commas separate in the variable
    #[arg(long, env = "DUET_ALLOW_HOST", value_name = "NAME", value_delimiter = ',')]
    allow_host: Vec<String>,
    /// Requests that may wait for a model; more are told to come back later (429)
    #[arg(long, env = "DUET_QUEUE", value_name = "N", default_value_t = 16,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    queue: u32,
    /// Seconds that a request may take, waiting included
    #[arg(long, env = "DUET_TIMEOUT", value_name = "SECONDS", default_value_t = 300,
          value_parser = clap::value_parser!(u32).range(1..=86_400))]
    timeout: u32,
    /// Memory for results that can be fetched again, in MiB; the least recently used ones leave first
    #[arg(long, env = "DUET_KEEP", value_name = "MIB", default_value_t = 64,
          value_parser = clap::value_parser!(u32).range(1..=65_536))]
    keep: u32,
    #[command(flatten)]
    compute: ComputeArgs,
}

/// Serve until told to stop.
///
/// # Errors
/// Those of [`server::serve`] and of loading the model.
pub fn run(args: ServeArgs) -> Result<()> {
    args.compute.apply()?;
    // First of all the port, which is known at once; then the model, which takes a while.
    let listener = server::serve::bind(&args.host, args.port)?;
    let address = listener.local_addr().map_err(|source| {
        Error::new(ErrorKind::Io, "cannot_listen", "cannot listen on this port").with_source(source)
    })?;
    let ModelsAtHand { models, default } = ModelsAtHand::find(args.model.as_deref())?;
    let limits =
        Limits { queue: args.queue as usize, results: usize::MAX, result_bytes: (args.keep as usize) << 20 };
    let engine = Arc::new(Engine::start(models, Some(&default), limits)?);
    tracing::info!(model = default, "loading the model");
    engine.load(None)?;
    let times = TimeLimits { answer: Duration::from_secs(args.timeout.into()), ..TimeLimits::default() };
    let state = AppState::new(engine.clone(), hosts(address, args.allow_host), times)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2) // It only moves bytes; the cores are the model's.
        .enable_all()
        .build()
        .map_err(|source| {
            Error::new(ErrorKind::Io, "thread", "cannot start the server's threads").with_source(source)
        })?;
    let served = runtime.block_on(async {
        let stop = stop_signal()?;
        announce(address);
        server::serve::serve(listener, server::app(state), stop).await
    });
    engine.stop();
    runtime.shutdown_timeout(Duration::from_secs(1));
    served
}

fn announce(address: SocketAddr) {
    // Whoever started us may have closed our output; we serve all the same.
    let _ = writeln!(std::io::stdout(), "Duet is ready: {}", server::serve::url(address));
    if !address.ip().is_loopback() {
        tracing::warn!(%address, "everybody who can reach this address can use this server: it asks for no password");
    }
}

fn hosts(address: SocketAddr, allowed: Vec<String>) -> Hosts {
    if address.ip().is_loopback() || !allowed.is_empty() { Hosts::Only(allowed) } else { Hosts::Any }
}

/// Done at the first Ctrl-C or SIGTERM; the second ends the process on the spot.
fn stop_signal() -> Result<impl Future<Output = ()>> {
    let cannot = |source| {
        Error::new(ErrorKind::Io, "signals", "cannot listen for the signal to stop").with_source(source)
    };
    #[cfg(unix)]
    let mut next = {
        use tokio::signal::unix::{SignalKind, signal};
        let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
        async move || {
            tokio::select! {
                _ = interrupt.recv() => (),
                _ = terminate.recv() => (),
            }
        }
    };
    #[cfg(windows)]
    let mut next = {
        let mut interrupt = tokio::signal::windows::ctrl_c().map_err(cannot)?;
        async move || drop(interrupt.recv().await)
    };
    Ok(async move {
        next().await;
        tokio::spawn(async move {
            next().await;
            std::process::exit(130);
        });
    })
}
