//! Ctrl-C means: finish this step, save, say how to go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A flag that a training asks after every step.
#[derive(Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Set by Ctrl-C or a polite `kill` (SIGTERM). A second Ctrl-C ends the program at once.
    pub fn on_signal() -> Self {
        let stop = Self::default();
        let flag = stop.clone();
        let wait = async move {
            signal().await;
            flag.request();
            eprintln!(
                "\nstopping: finishing this step and saving; press Ctrl-C again to quit without saving"
            );
            signal().await;
            std::process::exit(130);
        };
        // Without a thread or a runtime the training still runs; it only cannot be stopped gently.
        let _ = std::thread::Builder::new().name("signals".into()).spawn(move || {
            if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() {
                runtime.block_on(wait);
            }
        });
        stop
    }

    /// Ask the training to stop.
    pub fn request(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked to stop.
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(unix)]
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        },
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

#[cfg(not(unix))]
async fn signal() {
    let _ = tokio::signal::ctrl_c().await;
}
