//! Files that take seconds to draw: few at a time, few in the waiting room, and the rest are told to come back.

use super::motions::off_thread;
use crate::error::{Error, ErrorKind, Result};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Drawn at the same time. Generating needs the processor as well.
const AT_ONCE: usize = 1;
/// Drawn or waiting.
const ADMITTED: usize = 8;

/// The waiting room and the drawing desk.
pub struct Pictures {
    admitted: Arc<Semaphore>,
    at_once: Arc<Semaphore>,
}

impl Default for Pictures {
    fn default() -> Self {
        Self { admitted: Arc::new(Semaphore::new(ADMITTED)), at_once: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl Pictures {
    /// Draw where it delays no other request. One who leaves while waiting is not drawn for.
    ///
    /// # Errors
    /// `too_many_pictures`; those of `work`.
    pub async fn draw<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let admitted = self.admitted.clone().try_acquire_owned().map_err(|_| {
            let message = "too many videos and pictures are being made; try again in a few seconds";
            Error::new(ErrorKind::Busy, "too_many_pictures", message)
        })?;
        let turn = self.at_once.clone().acquire_owned().await;
        off_thread(move || {
            // Held to the end of the work, whether or not anybody still waits for it.
            let _held = (admitted, turn);
            work()
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::sync_channel;

    #[tokio::test(flavor = "multi_thread")]
    async fn one_is_drawn_some_wait_and_the_rest_are_told() {
        let pictures = Arc::new(Pictures::default());
        let (started, begun) = sync_channel(ADMITTED);
        let (go, gate) = sync_channel::<()>(ADMITTED);
        let gate = Arc::new(std::sync::Mutex::new(gate));
        let mut waiting = Vec::new();
        for n in 0..ADMITTED {
            let (pictures, started, gate) = (pictures.clone(), started.clone(), gate.clone());
            waiting.push(tokio::spawn(async move {
                let work = move || {
                    started.send(n).unwrap();
                    gate.lock().unwrap().recv().unwrap();
                    Ok(n)
                };
                pictures.draw(work).await
            }));
        }
        crate::engine::fake::eventually("all are admitted", || pictures.admitted.available_permits() == 0);
        begun.recv().unwrap();
        assert!(begun.try_recv().is_err(), "one at a time");
        assert_eq!(pictures.draw(|| Ok(())).await.unwrap_err().code(), "too_many_pictures");
        (0..ADMITTED).for_each(|_| go.send(()).unwrap());
        for task in waiting {
            task.await.unwrap().unwrap();
        }
        pictures.draw(|| Ok(())).await.unwrap();
    }
}
