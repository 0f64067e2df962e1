//! One model, one operating-system thread. Requests wait in a bounded [`Queue`]; answers go back through a one-shot channel,
//! and a channel whose other end is gone is how the thread learns that nobody waits any more.
//!
//! A panic inside the model ends one request, not the thread: the model is thrown away and loaded afresh.

use super::check;
use super::queue::{Queue, Refused, Ticket};
use crate::error::{Error, ErrorKind, Result};
use crate::generate::{EditRequest, GenerateRequest, Generated, Generator, Progress};
use serde::Serialize;
use std::any::Any;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Makes a model, on the model's own thread: at start-up, at first use, and again after a panic.
pub type Loader = Arc<dyn Fn() -> Result<Box<dyn Generator>> + Send + Sync>;

/// Told (steps done, steps in all) after each decoding step, on the model's thread.
pub type OnProgress = Box<dyn FnMut(usize, usize) + Send>;

/// Threads that compute sit deep in recursive tensor graphs; the default 2 MiB is little.
const STACK_BYTES: usize = 16 << 20;

/// What a model is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Not loaded yet: it will be when the first request comes.
    Idle,
    /// Being loaded.
    Loading,
    /// Waiting for work.
    Ready,
    /// Working on a request.
    Working,
    /// Could not be loaded; the next request tries again.
    Failed,
}

/// How a model is.
#[derive(Clone, Copy, Debug)]
pub struct Health {
    /// What it is doing.
    pub phase: Phase,
    /// Requests in its queue.
    pub waiting: usize,
    /// Time since the last sign of life: a change of phase or a decoding step.
    pub quiet: Duration,
}

/// What the model's thread hands back.
pub(super) struct Outcome {
    pub generated: Generated,
    /// Time spent in the queue (and, for the first request to a model, loading it).
    pub queue: Duration,
}

/// What a model is asked for.
#[derive(Clone, Debug)]
pub(super) enum Work {
    Generate(GenerateRequest),
    Edit(EditRequest),
}

impl Work {
    /// What decides the shape of the result.
    pub(super) fn how(&self) -> &GenerateRequest {
        match self {
            Self::Generate(request) => request,
            Self::Edit(request) => &request.how,
        }
    }

    fn run(&self, generator: &mut dyn Generator, progress: Progress<'_>) -> Result<Generated> {
        match self {
            Self::Generate(request) => generator.generate(request, progress),
            Self::Edit(request) => generator.edit(request, progress),
        }
    }
}

struct Job {
    work: Work,
    reply: oneshot::Sender<Result<Outcome>>,
    on_progress: OnProgress,
    queued: Instant,
}

enum Task {
    Load(oneshot::Sender<Result<()>>),
    Run(Job),
}

impl Task {
    fn is_gone(&self) -> bool {
        match self {
            Self::Load(reply) => reply.is_closed(),
            Self::Run(job) => job.reply.is_closed(),
        }
    }
}

/// Handle on a model's thread. Dropping it stops the thread after the current decoding step.
pub(super) struct Worker {
    queue: Arc<Queue<Task>>,
    status: Arc<Status>,
}

impl Worker {
    /// Start the thread; the model is loaded when it is first needed.
    pub(super) fn start(name: &str, loader: Loader, capacity: usize) -> Result<Self> {
        let worker = Self { queue: Arc::new(Queue::new(capacity)), status: Arc::new(Status::new()) };
        let (queue, status) = (worker.queue.clone(), worker.status.clone());
        std::thread::Builder::new()
            .name(format!("model {name}"))
            .stack_size(STACK_BYTES)
            .spawn(move || Thread { loader, queue, status, generator: None }.run())
            .map_err(|source| {
                Error::new(ErrorKind::Io, "thread", "cannot start a thread for the model").with_source(source)
            })?;
        Ok(worker)
    }

    /// Have the model loaded now; the answer says how that went.
    pub(super) fn load(&self) -> Result<oneshot::Receiver<Result<()>>> {
        let (reply, answer) = oneshot::channel();
        self.submit(Task::Load(reply))?;
        Ok(answer)
    }

    /// Queue a request. Dropping the receiver cancels it.
    pub(super) fn run(
        &self,
        work: Work,
        on_progress: OnProgress,
    ) -> Result<(Ticket, oneshot::Receiver<Result<Outcome>>)> {
        let (reply, answer) = oneshot::channel();
        let ticket = self.submit(Task::Run(Job { work, reply, on_progress, queued: Instant::now() }))?;
        Ok((ticket, answer))
    }

    /// Requests that will be served before this one, that being served not counted; `None` once it is served itself.
    pub(super) fn position(&self, ticket: Ticket) -> Option<usize> {
        self.queue.position(ticket, Task::is_gone)
    }

    fn submit(&self, task: Task) -> Result<Ticket> {
        self.queue.push(task, Task::is_gone).map_err(|refused| match refused {
            Refused::Full => Error::new(
                ErrorKind::Busy,
                "queue_full",
                "too many requests are waiting already; try again in a few seconds",
            ),
            Refused::Closed => stopped(),
        })
    }

    pub(super) fn health(&self) -> Health {
        let (phase, since) = *self.status.lock();
        Health { phase, waiting: self.queue.len(), quiet: since.elapsed() }
    }

    /// Refuse new work, drop what waits, stop the current request after its current step.
    pub(super) fn stop(&self) {
        self.queue.close();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The error of a request whose model is being stopped.
pub(super) fn stopped() -> Error {
    Error::new(ErrorKind::Unavailable, "shutting_down", "the server is shutting down; try again soon")
}

struct Status(Mutex<(Phase, Instant)>);

impl Status {
    fn new() -> Self {
        Self(Mutex::new((Phase::Idle, Instant::now())))
    }

    fn set(&self, phase: Phase) {
        *self.lock() = (phase, Instant::now());
    }

    fn lock(&self) -> MutexGuard<'_, (Phase, Instant)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Thread {
    loader: Loader,
    queue: Arc<Queue<Task>>,
    status: Arc<Status>,
    generator: Option<Box<dyn Generator>>,
}

/// Nobody may wait on a thread that is no more.
impl Drop for Thread {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl Thread {
    fn run(mut self) {
        while let Some(task) = self.queue.pop() {
            if task.is_gone() {
                tracing::debug!("skipped a request whose caller had gone");
                continue;
            }
            // A failed send means that the caller left meanwhile: nobody to tell.
            match task {
                Task::Load(reply) => {
                    let _ = reply.send(self.load());
                }
                Task::Run(job) => self.serve(job),
            }
        }
    }

    /// Make sure that the model is there.
    fn load(&mut self) -> Result<()> {
        if self.generator.is_some() {
            return Ok(());
        }
        self.status.set(Phase::Loading);
        let loader = &self.loader;
        match catch_unwind(AssertUnwindSafe(|| loader())).unwrap_or_else(|panic| Err(panicked(&*panic))) {
            Ok(generator) => {
                self.generator = Some(generator);
                self.status.set(Phase::Ready);
                Ok(())
            }
            Err(error) => {
                self.status.set(Phase::Failed);
                Err(error)
            }
        }
    }

    fn serve(&mut self, job: Job) {
        let Job { work, reply, mut on_progress, queued } = job;
        if let Err(source) = self.load() {
            let message = "the model could not be loaded; the server's log says why";
            let error = Error::new(ErrorKind::Unavailable, "model_not_ready", message).with_source(source);
            let _ = reply.send(Err(error));
            return;
        }
        let Some(generator) = self.generator.as_mut() else {
            return; // `load` has just put it there.
        };
        let queue = queued.elapsed();
        self.status.set(Phase::Working);
        let (status, line) = (&self.status, &self.queue);
        let mut progress = |done: usize, total: usize| {
            status.set(Phase::Working);
            if reply.is_closed() || line.is_closed() {
                return ControlFlow::Break(());
            }
            on_progress(done, total);
            ControlFlow::Continue(())
        };
        let result = catch_unwind(AssertUnwindSafe(|| work.run(generator.as_mut(), &mut progress)));
        match result {
            Ok(result) => {
                self.status.set(Phase::Ready);
                let result = result.and_then(|generated| {
                    check::sound(&generated, work.how())?;
                    Ok(Outcome { generated, queue })
                });
                let result = match result {
                    Err(error) if error.kind() == ErrorKind::Cancelled && self.queue.is_closed() => {
                        Err(stopped())
                    }
                    result => result,
                };
                let _ = reply.send(result);
            }
            Err(panic) => {
                let error = panicked(&*panic);
                tracing::error!(cause = ?std::error::Error::source(&error), "the model panicked; loading it afresh");
                let _ = reply.send(Err(error));
                self.discard();
                if let Err(error) = self.load() {
                    tracing::error!(%error, "the model could not be loaded again");
                }
            }
        }
    }

    /// Drop a model in an unknown state; its destructor may panic too.
    fn discard(&mut self) {
        let generator = self.generator.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(generator)));
    }
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let words = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    Error::internal("model_failure", "the model failed; the log has the cause")
        .with_source(format!("panic: {words}"))
}
