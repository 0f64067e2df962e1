//! One model, one operating-system thread. Requests wait in a bounded [`Queue`] and are served one by one, or side by side
//! ([`super::together`]) where the model can; answers go back through a one-shot channel,
//! and a channel whose other end is gone is how the thread learns that nobody waits any more.
//!
//! A panic ends the requests being served and the thread they ran on: a new thread loads the model afresh and takes over the queue. So
//! it is after a hang ([`super::watch`]), and after a motion that is none: NaN from one request may be weights that went bad.

use super::health::{Health, Life, Phase, Status};
use super::queue::{Queue, Refused, Ticket, Turn};
use super::reply::{Overheard, Reply};
use super::task::{Follower, Job, Outcome, Task, Work};
use super::together::{Batch, Flights, Takeoff};
use super::{Limits, check, watch};
use crate::error::{Error, ErrorKind, Result};
use crate::generate::{Generated, Generator, Nobody, Onlooker, Together};
use std::any::Any;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Makes a model, on the model's own thread: at start-up, at first use, and again after a panic.
pub type Loader = Arc<dyn Fn() -> Result<Box<dyn Generator>> + Send + Sync>;

/// Threads that compute sit deep in recursive tensor graphs; the default 2 MiB is little.
const STACK_BYTES: usize = 16 << 20;

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
    /// Those whose requests are being served.
    in_flight: Mutex<Vec<Overheard>>,
    /// Threads that hang still.
    hung: AtomicUsize,
    /// Whether somebody watches for a thread that hangs ([`watch`]).
    is_watched: bool,
}

impl Desk {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// A request is being served from now on: should the thread hang, the watch answers.
    pub(super) fn serves(&self, reply: &Reply) {
        let mut in_flight = self.in_flight();
        in_flight.retain(Overheard::is_open);
        in_flight.push(reply.overheard());
    }

    pub(super) fn hung_threads(&self) -> usize {
        self.hung.load(SeqCst)
    }

    /// Give up a thread that works and showed no life for `stall`, and hand over whom it served and who comes after it.
    pub(super) fn give_up(&self, stall: Duration) -> Option<(Vec<Overheard>, Life)> {
        // Counted before it can wake and say that it is over.
        self.hung.fetch_add(1, SeqCst);
        let Some(heir) = self.status.take_over(stall) else {
            self.hung.fetch_sub(1, SeqCst);
            return None;
        };
        Some((std::mem::take(&mut *self.in_flight()), heir))
    }

    /// Start the thread of the life `heir`, which loads the model and takes over the queue.
    pub(super) fn start_again(self: &Arc<Self>, heir: Life) {
        if self.queue.is_closed() {
            return;
        }
        tracing::warn!(model = self.name(), "starting the model's thread again");
        if let Err(error) = spawn(self.clone(), heir, Begin::Load) {
            tracing::error!(%error, "the model's thread could not be started again");
            self.status.set(heir, Phase::Failed);
            self.queue.close();
        }
    }

    fn in_flight(&self) -> MutexGuard<'_, Vec<Overheard>> {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Handle on a model's thread. Dropping it stops the thread after the current decoding step.
pub(super) struct Worker(Arc<Desk>);

impl Worker {
    /// Start the thread; the model is loaded when it is first needed.
    pub(super) fn start(name: &str, loader: Loader, limits: Limits) -> Result<Self> {
        let (name, queue, status) = (name.to_owned(), Queue::new(limits.queue), Status::new());
        let (batch_tokens, on_batch) = (limits.batch_tokens, OnceLock::new());
        let (in_flight, hung) = (Mutex::default(), AtomicUsize::new(0));
        let is_watched = limits.stall.is_some();
        let desk = Desk { name, loader, queue, status, batch_tokens, on_batch, in_flight, hung, is_watched };
        let worker = Self(Arc::new(desk));
        spawn(worker.0.clone(), worker.0.status.life(), Begin::Wait)
            .and_then(|()| limits.stall.map_or(Ok(()), |stall| watch::over(&worker.0, stall)))
            .map_err(|source| {
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
        let (reply, answer) = Reply::new();
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

    /// Whether one more of this lane would be let in now.
    pub(super) fn look(&self, lane: Option<&str>) -> Result<()> {
        self.0.queue.look(lane, Task::is_gone).map_err(refused)
    }

    fn submit(&self, turn: Turn, task: Task) -> Result<Ticket> {
        self.0.queue.push(turn, task, Task::is_gone).map_err(refused)
    }

    pub(super) fn health(&self) -> Health {
        let desk = &self.0;
        let is_watched = desk.is_watched && !watch::is_at_its_end(desk);
        Health {
            waiting: desk.queue.len(),
            is_watched,
            is_closed: desk.queue.is_closed(),
            ..desk.status.health()
        }
    }

    /// Refuse new work, drop what waits, and tell those who are being served, whose work ends after its current step: that may take seconds.
    pub(super) fn stop(&self) {
        self.0.queue.close();
        let in_flight = std::mem::take(&mut *self.0.in_flight());
        in_flight.iter().for_each(|reply| reply.send(Err(stopped())));
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The error of a request that was not let in.
fn refused(why: Refused) -> Error {
    match why {
        Refused::Full => Error::new(
            ErrorKind::Busy,
            "queue_full",
            "too many requests are waiting already; try again in a few seconds",
        ),
        Refused::Closed => stopped(),
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

fn spawn(desk: Arc<Desk>, life: Life, begin: Begin) -> std::io::Result<()> {
    let thread = std::thread::Builder::new().name(format!("model {}", desk.name)).stack_size(STACK_BYTES);
    thread.spawn(move || live(desk, life, begin)).map(drop)
}

/// The life of a thread, and who comes after it.
fn live(desk: Arc<Desk>, life: Life, begin: Begin) {
    let mut thread = Thread { desk: desk.clone(), life, generator: None, again: None };
    let over = catch_unwind(AssertUnwindSafe(|| thread.run(begin)));
    thread.discard();
    let heir = match over {
        Ok(flow) => flow.break_value().map(|Over(heir)| heir),
        // Nobody's request, but nobody may wait on a thread that is no more either.
        Err(panic) => {
            tracing::error!(cause = words(&*panic), "the model's thread panicked");
            desk.status.restart(life)
        }
    };
    if let Some(heir) = heir {
        desk.start_again(heir);
    } else if !desk.status.is(life) {
        // The watch had given it up, and it came back.
        desk.hung.fetch_sub(1, SeqCst);
        tracing::warn!(model = desk.name(), "a thread that hung is over");
    }
}

/// The thread may not go on: its model is in an unknown state. It has said so itself ([`Status::restart`]), and this one follows.
struct Over(Life);

/// Pauses before a model that could not be loaded again is tried once more though nobody asks for it: the first, each twice as long as
/// the one before, and the longest. Where a balancer looks at `/readyz`, nobody will ask.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(60)];

struct Thread {
    desk: Arc<Desk>,
    life: Life,
    generator: Option<Box<dyn Generator>>,
    /// When to try again to load the model, which it once had.
    again: Option<Duration>,
}

impl Thread {
    /// Until the queue is closed, the model fails, or another thread has taken over.
    fn run(&mut self, begin: Begin) -> ControlFlow<Over> {
        if matches!(begin, Begin::Load) {
            self.load_again();
        }
        while self.desk.status.is(self.life) {
            if let Some(pause) = self.again
                && !self.desk.queue.wait(pause)
            {
                self.load_again();
                continue;
            }
            let Some(task) = self.desk.queue.pop(Task::is_gone) else { break };
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

    /// Nobody asked for it: what fails is tried again after a while.
    fn load_again(&mut self) {
        if let Err(error) = self.load() {
            let [first, longest] = PAUSES;
            let pause = self.again.map_or(first, |before| (2 * before).min(longest));
            tracing::error!(%error, seconds = pause.as_secs(), "the model could not be loaded again; the next try follows");
            self.again = Some(pause);
        }
    }

    /// Make sure that the model is there.
    fn load(&mut self) -> Result<()> {
        if self.generator.is_some() {
            return Ok(());
        }
        self.set(Phase::Loading);
        let loader = &self.desk.loader;
        match catch_unwind(AssertUnwindSafe(|| loader())).unwrap_or_else(|panic| Err(panicked(&*panic))) {
            Ok(generator) => {
                (self.generator, self.again) = (Some(generator), None);
                self.set(Phase::Ready);
                Ok(())
            }
            Err(error) => {
                self.set(Phase::Failed);
                Err(error)
            }
        }
    }

    fn set(&self, phase: Phase) {
        self.desk.status.set(self.life, phase);
    }

    fn serve(&mut self, job: Job) -> ControlFlow<Over> {
        if let Err(source) = self.load() {
            let message = "the model could not be loaded; the server's log says why";
            let error = Error::new(ErrorKind::Unavailable, "model_not_ready", message).with_source(source);
            job.reply.send(Err(error));
            return ControlFlow::Continue(());
        }
        let Some(generator) = self.generator.as_mut() else {
            return ControlFlow::Continue(()); // `load` has just put it there.
        };
        let together = if self.desk.batch_tokens > 0 { generator.together() } else { None };
        let job = match together {
            Some(model) => match Takeoff::of(job) {
                Ok(takeoff) => return fly(&self.desk, self.life, model, takeoff),
                Err(job) => *job,
            },
            None => job,
        };
        let Job { work, reply, follower, queued } = job;
        let queue = queued.elapsed();
        let (desk, life) = (&*self.desk, self.life);
        desk.serves(&reply);
        desk.status.set(life, Phase::Working);
        let (work, reply_to) = (&work, &reply);
        // The caller's own part is in there too: what it does and drops may panic as well.
        let result = catch_unwind(AssertUnwindSafe(move || -> Result<Generated> {
            let Follower { mut on_progress, drafts, begun } = follower;
            begun.notify_one();
            let mut progress = |done: usize, total: usize| {
                desk.status.set(life, Phase::Working);
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
            work.run(generator.as_mut(), &mut progress, onlooker)
        }));
        let (answer, may_go_on) = match result {
            Ok(Ok(generated)) => match check::sound(&generated, work.how()) {
                Ok(()) => (Ok(Outcome { generated, queue }), true),
                Err(error) => (Err(error), false),
            },
            Ok(Err(error)) if error.kind() == ErrorKind::Cancelled && desk.queue.is_closed() => {
                (Err(stopped()), true)
            }
            Ok(Err(error)) => {
                let may_go_on = !check::is_models_own(&error);
                (Err(error), may_go_on)
            }
            Err(panic) => {
                tracing::error!(cause = words(&*panic), "the model panicked");
                (Err(panicked(&*panic)), false)
            }
        };
        // Before the caller knows: whoever then asks whether the server is ready gets the truth.
        let flow = if may_go_on {
            desk.status.set(life, Phase::Ready);
            ControlFlow::Continue(())
        } else {
            over(desk, life)
        };
        reply.send(answer);
        flow
    }

    /// Drop a model in an unknown state; its destructor may panic too.
    fn discard(&mut self) {
        let generator = self.generator.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(generator)));
    }
}

/// This thread does not go on, unless the watch has given it up before.
fn over(desk: &Desk, life: Life) -> ControlFlow<Over> {
    match desk.status.restart(life) {
        Some(heir) => ControlFlow::Break(Over(heir)),
        None => ControlFlow::Continue(()),
    }
}

/// `first` and whoever may fly beside it, until nothing is in flight.
fn fly(desk: &Desk, life: Life, model: &dyn Together, first: Takeoff) -> ControlFlow<Over> {
    let mut flights = Flights::new(desk, life, model);
    match catch_unwind(AssertUnwindSafe(|| flights.fly(first))) {
        Ok(()) if flights.ails() => over(desk, life),
        Ok(()) => ControlFlow::Continue(()),
        Err(panic) => {
            tracing::error!(cause = words(&*panic), "the model panicked");
            let flow = over(desk, life);
            flights.fail(&*panic);
            flow
        }
    }
}

/// The error of requests that a model was at when it showed no more life.
pub(super) fn hung() -> Error {
    let message =
        "the model made no progress for too long and is being started again; try again in a few seconds";
    Error::internal("model_failure", message)
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
