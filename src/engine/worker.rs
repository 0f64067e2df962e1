//! One model, one operating-system thread. Requests wait in a bounded [`Queue`] and are served one by one, or side by side
//! ([`super::together`]) where the model can; answers go back through a one-shot channel,
//! and a channel whose other end is gone is how the thread learns that nobody waits any more.
//!
//! A panic ends the requests being served and the thread they ran on: a new thread loads the model afresh and takes over the queue.

use super::drafts::Drafts;
use super::health::{Health, Phase, Status};
use super::queue::{Queue, Refused, Ticket, Turn};
use super::together::{Batch, Flights, Takeoff};
use super::{Limits, check};
use crate::error::{Error, ErrorKind, Result};
use crate::generate::{
    EditRequest, GenerateRequest, Generated, Generator, Nobody, Onlooker, Progress, Together,
};
use serde::{Deserialize, Serialize};
use std::any::Any;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, oneshot};

/// Makes a model, on the model's own thread: at start-up, at first use, and again after a panic.
pub type Loader = Arc<dyn Fn() -> Result<Box<dyn Generator>> + Send + Sync>;

/// Told (steps done, steps in all) after each decoding step, on the model's thread.
pub type OnProgress = Box<dyn FnMut(usize, usize) + Send>;

/// Threads that compute sit deep in recursive tensor graphs; the default 2 MiB is little.
const STACK_BYTES: usize = 16 << 20;

/// What the model's thread hands back.
pub(super) struct Outcome {
    pub generated: Generated,
    /// Time spent in the queue (and, for the first request to a model, loading it).
    pub queue: Duration,
}

/// What a model is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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

    fn run(
        &self,
        generator: &mut dyn Generator,
        progress: Progress<'_>,
        onlooker: &mut dyn Onlooker,
    ) -> Result<Generated> {
        match self {
            Self::Generate(request) => generator.generate_shown(request, progress, onlooker),
            Self::Edit(request) => generator.edit(request, progress),
        }
    }
}

/// Who follows the work while it goes on.
pub(super) struct Follower {
    pub on_progress: OnProgress,
    /// Those who may want to see it.
    pub drafts: Option<Arc<Drafts>>,
    /// Told when the model begins.
    pub begun: Arc<Notify>,
}

impl Follower {
    /// One who looks at the progress alone.
    pub(super) fn of(on_progress: OnProgress) -> Self {
        Self { on_progress, drafts: None, begun: Arc::default() }
    }
}

/// A request in the queue.
pub(super) struct Job {
    pub work: Work,
    pub reply: oneshot::Sender<Result<Outcome>>,
    pub follower: Follower,
    pub queued: Instant,
}

/// What the queue holds.
pub(super) enum Task {
    Load(oneshot::Sender<Result<()>>),
    Run(Job),
}

impl Task {
    /// Whether nobody waits for it any more.
    pub(super) fn is_gone(&self) -> bool {
        match self {
            Self::Load(reply) => reply.is_closed(),
            Self::Run(job) => job.reply.is_closed(),
        }
    }
}

/// Told what is in flight at each decoding step of generations, on the model's thread.
pub(super) type Watch = Box<dyn Fn(Batch) + Send + Sync>;

/// What outlives a model's thread.
pub(super) struct Desk {
    name: String,
    loader: Loader,
    pub queue: Queue<Task>,
    pub status: Status,
    /// Tokens that may be in flight together; 0: one request at a time.
    pub batch_tokens: usize,
    pub on_batch: OnceLock<Watch>,
}

/// Handle on a model's thread. Dropping it stops the thread after the current decoding step.
pub(super) struct Worker(Arc<Desk>);

impl Worker {
    /// Start the thread; the model is loaded when it is first needed.
    pub(super) fn start(name: &str, loader: Loader, limits: Limits) -> Result<Self> {
        let (name, queue, status) = (name.to_owned(), Queue::new(limits.queue), Status::new());
        let (batch_tokens, on_batch) = (limits.batch_tokens, OnceLock::new());
        let worker = Self(Arc::new(Desk { name, loader, queue, status, batch_tokens, on_batch }));
        spawn(worker.0.clone(), Begin::Wait).map_err(|source| {
            Error::new(ErrorKind::Io, "thread", "cannot start a thread for the model").with_source(source)
        })?;
        Ok(worker)
    }

    /// Have `on_batch` told from now on; a second call is without effect.
    pub(super) fn on_batch(&self, on_batch: Watch) {
        // Refused is what comes too late, as promised.
        let _ = self.0.on_batch.set(on_batch);
    }

    /// Have the model loaded now; the answer says how that went.
    pub(super) fn load(&self) -> Result<oneshot::Receiver<Result<()>>> {
        let (reply, answer) = oneshot::channel();
        self.submit(Turn::default(), Task::Load(reply))?;
        Ok(answer)
    }

    /// Queue a request; one that `had_a_place` finds room whatever the queue's bound. Dropping the receiver cancels it.
    pub(super) fn run(
        &self,
        work: Work,
        follower: Follower,
        turn: Turn,
        had_a_place: bool,
    ) -> Result<(Ticket, oneshot::Receiver<Result<Outcome>>)> {
        let (reply, answer) = oneshot::channel();
        let task = Task::Run(Job { work, reply, follower, queued: Instant::now() });
        let ticket = if had_a_place {
            self.0.queue.readmit(turn, task).map_err(|_| stopped())?
        } else {
            self.submit(turn, task)?
        };
        Ok((ticket, answer))
    }

    /// Requests that will be served before this one if none comes, those being served not counted; `None` once it is served itself.
    pub(super) fn position(&self, ticket: Ticket) -> Option<usize> {
        self.0.queue.position(ticket, Task::is_gone)
    }

    fn submit(&self, turn: Turn, task: Task) -> Result<Ticket> {
        self.0.queue.push(turn, task, Task::is_gone).map_err(|refused| match refused {
            Refused::Full => Error::new(
                ErrorKind::Busy,
                "queue_full",
                "too many requests are waiting already; try again in a few seconds",
            ),
            Refused::Closed => stopped(),
        })
    }

    pub(super) fn health(&self) -> Health {
        self.0.status.health(self.0.queue.len())
    }

    /// Refuse new work, drop what waits, stop the current request after its current step.
    pub(super) fn stop(&self) {
        self.0.queue.close();
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

/// What a thread does first.
#[derive(Clone, Copy)]
enum Begin {
    /// Wait: the model is loaded when somebody needs it.
    Wait,
    /// Load the model, which somebody needed before.
    Load,
}

fn spawn(desk: Arc<Desk>, begin: Begin) -> std::io::Result<()> {
    let thread = std::thread::Builder::new().name(format!("model {}", desk.name)).stack_size(STACK_BYTES);
    thread.spawn(move || live(desk, begin)).map(drop)
}

/// The life of a thread, and who comes after it.
fn live(desk: Arc<Desk>, begin: Begin) {
    let mut thread = Thread { desk: desk.clone(), generator: None };
    let over = catch_unwind(AssertUnwindSafe(|| thread.run(begin)));
    thread.discard();
    match over {
        Ok(ControlFlow::Continue(())) => return,
        Ok(ControlFlow::Break(Panicked)) => (),
        // Nobody's request, but nobody may wait on a thread that is no more either.
        Err(panic) => {
            tracing::error!(cause = words(&*panic), "the model's thread panicked");
            desk.status.restart();
        }
    }
    if desk.queue.is_closed() {
        return;
    }
    tracing::warn!(model = desk.name.as_str(), "starting the model's thread again");
    if let Err(error) = spawn(desk.clone(), Begin::Load) {
        tracing::error!(%error, "the model's thread could not be started again");
        desk.status.set(Phase::Failed);
        desk.queue.close();
    }
}

/// The thread is in an unknown state and may not go on.
struct Panicked;

struct Thread {
    desk: Arc<Desk>,
    generator: Option<Box<dyn Generator>>,
}

impl Thread {
    /// Until the queue is closed, or a panic.
    fn run(&mut self, begin: Begin) -> ControlFlow<Panicked> {
        if matches!(begin, Begin::Load)
            && let Err(error) = self.load()
        {
            tracing::error!(%error, "the model could not be loaded again");
        }
        while let Some(task) = self.desk.queue.pop(Task::is_gone) {
            if task.is_gone() {
                tracing::debug!("skipped a request whose caller had gone");
                continue;
            }
            // A failed send means that the caller left meanwhile: nobody to tell.
            match task {
                Task::Load(reply) => {
                    let _ = reply.send(self.load());
                }
                Task::Run(job) => self.serve(job)?,
            }
        }
        ControlFlow::Continue(())
    }

    /// Make sure that the model is there.
    fn load(&mut self) -> Result<()> {
        if self.generator.is_some() {
            return Ok(());
        }
        self.desk.status.set(Phase::Loading);
        let loader = &self.desk.loader;
        match catch_unwind(AssertUnwindSafe(|| loader())).unwrap_or_else(|panic| Err(panicked(&*panic))) {
            Ok(generator) => {
                self.generator = Some(generator);
                self.desk.status.set(Phase::Ready);
                Ok(())
            }
            Err(error) => {
                self.desk.status.set(Phase::Failed);
                Err(error)
            }
        }
    }

    fn serve(&mut self, job: Job) -> ControlFlow<Panicked> {
        if let Err(source) = self.load() {
            let message = "the model could not be loaded; the server's log says why";
            let error = Error::new(ErrorKind::Unavailable, "model_not_ready", message).with_source(source);
            let _ = job.reply.send(Err(error));
            return ControlFlow::Continue(());
        }
        let Some(generator) = self.generator.as_mut() else {
            return ControlFlow::Continue(()); // `load` has just put it there.
        };
        let together = if self.desk.batch_tokens > 0 { generator.together() } else { None };
        let job = match together {
            Some(model) => match Takeoff::of(job) {
                Ok(takeoff) => return fly(&self.desk, model, takeoff),
                Err(job) => *job,
            },
            None => job,
        };
        let Job { work, reply, follower, queued } = job;
        let queue = queued.elapsed();
        let desk = &*self.desk;
        desk.status.set(Phase::Working);
        let reply_to = &reply;
        // The caller's own part is in there too: what it does and drops may panic as well.
        let result = catch_unwind(AssertUnwindSafe(move || -> Result<Outcome> {
            let Follower { mut on_progress, drafts, begun } = follower;
            begun.notify_one();
            let mut progress = |done: usize, total: usize| {
                desk.status.set(Phase::Working);
                if reply_to.is_closed() || desk.queue.is_closed() {
                    return ControlFlow::Break(());
                }
                on_progress(done, total);
                ControlFlow::Continue(())
            };
            let (mut looking, mut nobody) = (drafts.as_deref(), Nobody);
            let onlooker: &mut dyn Onlooker = match &mut looking {
                Some(drafts) => drafts,
                None => &mut nobody,
            };
            let generated = work.run(generator.as_mut(), &mut progress, onlooker)?;
            check::sound(&generated, work.how())?;
            Ok(Outcome { generated, queue })
        }));
        match result {
            Ok(result) => {
                desk.status.set(Phase::Ready);
                let result = match result {
                    Err(error) if error.kind() == ErrorKind::Cancelled && desk.queue.is_closed() => {
                        Err(stopped())
                    }
                    result => result,
                };
                let _ = reply.send(result);
                ControlFlow::Continue(())
            }
            Err(panic) => {
                tracing::error!(cause = words(&*panic), "the model panicked");
                // Before the caller knows: whoever then asks whether the server is ready gets the truth.
                desk.status.restart();
                let _ = reply.send(Err(panicked(&*panic)));
                ControlFlow::Break(Panicked)
            }
        }
    }

    /// Drop a model in an unknown state; its destructor may panic too.
    fn discard(&mut self) {
        let generator = self.generator.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(generator)));
    }
}

/// `first` and whoever may fly beside it, until nothing is in flight.
fn fly(desk: &Desk, model: &dyn Together, first: Takeoff) -> ControlFlow<Panicked> {
    let mut flights = Flights::new(desk, model);
    match catch_unwind(AssertUnwindSafe(|| flights.fly(first))) {
        Ok(()) => ControlFlow::Continue(()),
        Err(panic) => {
            tracing::error!(cause = words(&*panic), "the model panicked");
            desk.status.restart();
            flights.fail(&*panic);
            ControlFlow::Break(Panicked)
        }
    }
}

fn words(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

/// The error of a request during which something panicked.
pub(super) fn panicked(panic: &(dyn Any + Send)) -> Error {
    Error::internal("model_failure", "the model failed; the log has the cause")
        .with_source(format!("panic: {}", words(panic)))
}
