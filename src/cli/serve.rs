//! `duet serve`: the page and the HTTP service.

use super::device;
use super::models_at_hand::ModelsAtHand;
use super::settings::{Data, Settings, SettingsArgs};
use crate::engine::{Engine, JobLimits, Keeping};
use crate::error::{Error, ErrorKind, Result};
use crate::nn::precision;
use crate::package::SearchPath;
use crate::server::listening::{self, bind};
use crate::server::serve::{Bounds, serve};
use crate::server::{About, AppState, Hosts, Keyring, Policy};
use clap::Args;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Serve the page and the HTTP API (this is what duet does without a command)
///
/// Prints `Duet is ready: http://127.0.0.1:8080` once the model is loaded and has made a first clip; open that in a browser.
/// Before that nobody is let in: connections are refused.
/// Ctrl-C or SIGTERM stops it after the requests and jobs in flight (10 seconds at most; twice stops it at once).
/// Results and jobs outlive it in the user's data folder (--data-dir, --no-data): jobs that were cut short are done at the next start.
/// Every setting is a flag, a variable or a line of a TOML file (--config); a flag goes before a variable, a variable
/// before the file. `duet config check` says what would hold, and why; `duet config key NAME` makes API keys.
///
/// The API (/docs on the server has all of it):
///   POST /generate              {"prompt": "two people dance salsa", "seconds": 4, "seed": 7}
///                               with the header `Prefer: respond-async`: a job instead of the motion
///   GET  /jobs/ID               how a job goes; /events as it goes; DELETE cancels
///   POST /edit                  {"parent": "ID", "kind": "window", "from": 30, "to": 60, "prompt": "they bow"}
///   GET  /motions               what has been made, the newest first
///   GET  /motions/ID            the same answer again, while it is kept; DELETE removes it
///   GET  /motions/ID/00_0.npy   keypoints of a person (the answer lists the files)
///   GET  /livez, /readyz        for supervisors; /metrics for Prometheus; /info, /models for people
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct ServeArgs {
    #[command(flatten)]
    pub settings: SettingsArgs,
}

/// Serve until told to stop.
///
/// # Errors
/// Those of the settings, of [`bind`], and of loading the model and warming it up.
pub fn run(args: ServeArgs) -> Result<()> {
    let (settings, _) = args.settings.resolve()?;
    precision::set(settings.precision)?;
    // First of all what is known at once, the port and mistakes in the keys; then the model, which takes a while.
    let port = bind(&settings.host, settings.port)?;
    Keyring::new(&settings.keys)?;
    let ModelsAtHand { models, default } =
        ModelsAtHand::find_in(&SearchPath::with_folders(settings.models.clone()), settings.model.as_deref())?;
    let engine = Engine::start(models, Some(&default), settings.limits)?;
    let engine = Arc::new(engine.keeping(keeping(settings.data.as_ref(), settings.jobs)));
    tracing::info!(model = default, "loading the model");
    engine.warm_up(None)?;
    let (address, has_keys) = (port.address(), !settings.keys.is_empty());
    let bounds = Bounds { connections: settings.connections, per_address: settings.per_address };
    // From here on everything that is made is counted.
    let state = AppState::new(engine.clone(), policy(settings, address))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2) // It only moves bytes; the cores are the model's.
        .enable_all()
        .build()
        .map_err(|source| {
            Error::new(ErrorKind::Io, "thread", "cannot start the server's threads").with_source(source)
        })?;
    let served = runtime.block_on(async {
        let stop = stop_signal()?;
        state.resume().await;
        let listener = port.listen()?;
        announce(address, has_keys);
        serve(listener, state, bounds, stop).await;
        Ok(())
    });
    engine.stop();
    runtime.shutdown_timeout(Duration::from_secs(1));
    served
}

fn keeping(data: Option<&Data>, jobs: JobLimits) -> Keeping {
    match data {
        Some(data) => Keeping::on_disk(&data.folder, data.limits, jobs),
        None => Keeping::Memory,
    }
}

fn policy(settings: Settings, address: SocketAddr) -> Policy {
    let precision = match settings.precision {
        precision::Precision::F32 => "f32",
        precision::Precision::Bf16 => "bf16",
    };
    Policy {
        hosts: hosts(address, settings.allow_host),
        origins: settings.origins,
        keys: settings.keys,
        times: settings.times,
        jobs: settings.jobs,
        about: About::new(device::name(), precision),
    }
}

fn announce(address: SocketAddr, has_keys: bool) {
    // Whoever started us may have closed our output; we serve all the same.
    let _ = writeln!(std::io::stdout(), "Duet is ready: {}", listening::url(address));
    if !address.ip().is_loopback() && !has_keys {
        tracing::warn!(%address, "everybody who can reach this address can use this server: it asks for no key");
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
