//! Generations side by side on a model's thread. They are let in from the queue, in its order, while their tokens have room in the
//! budget; each leaves when it is done, when its caller has gone or when it fails, whatever becomes of those beside it. What cannot
//! run beside others (an edit) stays at the head of the queue until nothing is in flight.

use super::check;
use super::health::{Life, Phase};
use super::reply::Reply;
use super::task::{Follower, Job, Outcome, Task, Work};
use super::worker::{Desk, panicked, stopped};
use crate::error::Result;
use crate::generate::{GenerateRequest, Onlooker, Together, Turn, Underway, wanted};
use rayon::prelude::*;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// Samples in flight at most, however small: each may take some of a thread's stack while another waits for its share of work.
const MAX_SAMPLES: usize = 64;

/// What is in flight during one decoding step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Generations.
    pub requests: usize,
    /// Tokens that pass through the transformer, guidance halves included.
    pub tokens: usize,
}

/// A generation that leaves the queue.
pub(super) struct Takeoff {
    request: GenerateRequest,
    reply: Reply,
    follower: Follower,
    queued: Instant,
}

impl Takeoff {
    /// The job back where it is none.
    pub(super) fn of(job: Job) -> std::result::Result<Self, Box<Job>> {
        let Job { work, reply, follower, queued } = job;
        match work {
            Work::Generate(request) => Ok(Self { request, reply, follower, queued }),
            Work::Edit(_) => Err(Box::new(Job { work, reply, follower, queued })),
        }
    }
}

/// The generations in flight.
pub(super) struct Flights<'m> {
    desk: &'m Desk,
    life: Life,
    model: &'m dyn Together,
    flights: Vec<Flight<'m>>,
    /// A motion came that is none: nobody is let in any more.
    ails: bool,
}

/// One generation in flight.
struct Flight<'m> {
    request: GenerateRequest,
    /// `None` before it has begun and when it is over.
    underway: Option<Box<dyn Underway + 'm>>,
    follower: Option<Follower>,
    reply: Reply,
    queue: Duration,
    /// Steps that the follower has been told of.
    told: Option<usize>,
    /// What became of it.
    end: Option<End>,
}

enum End {
    Answer(Box<Result<Outcome>>),
    /// Nobody waits for it any more.
    Gone,
}

impl<'m> Flights<'m> {
    pub(super) fn new(desk: &'m Desk, life: Life, model: &'m dyn Together) -> Self {
        Self { desk, life, model, flights: Vec::new(), ails: false }
    }

    /// Whether the model must not go on after this.
    pub(super) fn ails(&self) -> bool {
        self.ails
    }

    /// `first`, and whoever comes and finds room meanwhile, until nothing is in flight. Panics where the model or a follower does:
    /// see [`Flights::fail`].
    pub(super) fn fly(&mut self, first: Takeoff) {
        self.admit(first);
        while !self.flights.is_empty() {
            while self.may_admit()
                && let Some(task) = self.desk.queue.next_if(Task::is_gone, |task| self.has_room(task))
            {
                match task {
                    // It is there: it flies. A failed send means that the caller left meanwhile.
                    Task::Load(reply) => drop(reply.send(Ok(()))),
                    Task::Run(job) if job.reply.is_closed() => {
                        tracing::debug!("skipped a request whose caller had gone");
                    }
                    Task::Run(job) => match Takeoff::of(job) {
                        Ok(takeoff) => self.admit(takeoff),
                        // Not let in by `has_room`.
                        Err(job) => job.reply.send(Err(stopped())),
                    },
                }
            }
            self.turn();
        }
    }

    /// Not where the model ails or another thread has taken over.
    fn may_admit(&self) -> bool {
        !self.ails && self.desk.status.is(self.life)
    }

    /// Whether `task` may leave the queue now.
    fn has_room(&self, task: &Task) -> bool {
        let Task::Run(job) = task else { return true };
        let Work::Generate(request) = &job.work else { return task.is_gone() };
        let samples: usize = self.flights.iter().map(|flight| flight.request.samples).sum();
        let fits = self.batch().tokens + request.batch_tokens() <= self.desk.batch_tokens;
        task.is_gone() || (fits && samples + request.samples <= MAX_SAMPLES)
    }

    fn batch(&self) -> Batch {
        let tokens = self.flights.iter().map(|flight| flight.request.batch_tokens()).sum();
        Batch { requests: self.flights.len(), tokens }
    }

    fn admit(&mut self, takeoff: Takeoff) {
        let Takeoff { request, reply, follower, queued } = takeoff;
        self.desk.serves(&reply);
        follower.begun.notify_one();
        let (follower, queue) = (Some(follower), queued.elapsed());
        // Among the others before it begins: a panic finds it here.
        let flight = Flight { request, underway: None, follower, reply, queue, told: None, end: None };
        self.flights.push(flight);
        if let Some(flight) = self.flights.last_mut() {
            flight.underway = Some(self.model.begin(&flight.request));
        }
    }

    /// One turn of everybody.
    fn turn(&mut self) {
        self.desk.status.set(self.life, Phase::Working);
        let is_closed = self.desk.queue.is_closed();
        let looks: Vec<Option<usize>> =
            self.flights.iter_mut().map(|flight| flight.prepare(is_closed)).collect();
        self.land();
        if self.flights.is_empty() {
            return;
        }
        if let Some(tell) = self.desk.on_batch.get() {
            tell(self.batch());
        }
        // Who has left has no look.
        let looks: Vec<usize> = looks.into_iter().flatten().collect();
        let turns = self
            .flights
            .par_iter_mut()
            .zip(&looks)
            .map(|(flight, &look)| flight.underway.as_mut().map(|underway| underway.turn(look > 0)));
        let turns: Vec<_> = turns.collect();
        for (flight, (turn, look)) in self.flights.iter_mut().zip(turns.into_iter().zip(looks)) {
            if let Some(turn) = turn {
                self.ails |= !flight.note(turn, look);
            }
        }
        if self.ails {
            // Before the caller knows: whoever then asks whether the server is ready gets the truth.
            self.desk.status.ail(self.life);
        }
        self.land();
    }

    /// Answer those whose end has come.
    fn land(&mut self) {
        while let Some(place) = self.flights.iter().position(|flight| flight.end.is_some()) {
            // What the caller brought along may panic when it goes: it does so while its flight is still among the others.
            let flight = &mut self.flights[place];
            drop((flight.underway.take(), flight.follower.take()));
            let flight = self.flights.remove(place);
            if self.flights.is_empty() {
                // Before the caller knows: whoever then asks how the model is gets the truth.
                self.desk.status.set(self.life, Phase::Ready);
            }
            if let Some(End::Answer(result)) = flight.end {
                flight.reply.send(*result);
            }
        }
    }

    /// Tell everybody in flight of a panic. The model is in an unknown state.
    pub(super) fn fail(self, panic: &(dyn Any + Send)) {
        for flight in self.flights {
            let Flight { underway, follower, reply, .. } = flight;
            // Its own parts may panic again.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(underway)));
            let _ = catch_unwind(AssertUnwindSafe(|| drop(follower)));
            reply.send(Err(panicked(panic)));
        }
    }
}

impl Flight<'_> {
    /// Before a turn: who follows is told how far it is. The step to be shown, 0 for none; `None` when the flight is over.
    fn prepare(&mut self, is_closed: bool) -> Option<usize> {
        let (Some(underway), Some(follower)) = (&self.underway, &mut self.follower) else { return None };
        if is_closed {
            self.end = Some(End::Answer(Box::new(Err(stopped()))));
            return None;
        }
        if self.reply.is_closed() {
            self.end = Some(End::Gone);
            return None;
        }
        let (done, total) = (underway.done(), underway.total());
        let before = self.told.replace(done);
        if before == Some(done) {
            return Some(0);
        }
        (follower.on_progress)(done, total);
        // The end is not shown: it is the result.
        let mut drafts = follower.drafts.as_deref().filter(|_| done < total);
        let look = drafts.as_mut().and_then(|drafts| wanted(before.unwrap_or(0), done, drafts));
        Some(look.unwrap_or(0))
    }

    /// After a turn in which the step `look` was to be shown. False where the model failed or gave what is no motion.
    fn note(&mut self, turn: Result<Turn>, look: usize) -> bool {
        let Turn { draft, generated } = match turn {
            Ok(turn) => turn,
            Err(error) => {
                let is_sound = !check::is_models_own(&error);
                self.end = Some(End::Answer(Box::new(Err(error))));
                return is_sound;
            }
        };
        let drafts = self.follower.as_ref().and_then(|follower| follower.drafts.as_deref());
        if let Some((mut drafts, draft)) = drafts.zip(draft) {
            drafts.see(look, draft);
        }
        let Some(generated) = generated else { return true };
        let sound = check::sound(&generated, &self.request);
        let is_sound = sound.is_ok();
        let outcome = sound.map(|()| Outcome { generated, queue: self.queue });
        self.end = Some(End::Answer(Box::new(outcome)));
        is_sound
    }
}

#[cfg(test)]
mod tests;
