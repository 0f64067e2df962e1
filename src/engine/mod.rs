//! From a request to a kept result: validation, one thread a model behind a bounded queue, timings, results store.
//!
//! Both doors (server and command line) come in here: [`RawRequest`] → [`RawRequest::validate`] → [`Engine::generate`] →
//! [`Finished`] → [`answer`]. The engine knows models only as [`Generator`](crate::generate::Generator)s.

pub mod answer;
mod check;
#[cfg(test)]
pub(crate) mod fake;
mod files;
mod queue;
mod random;
mod raw;
mod request;
mod store;
mod worker;

pub use files::{Content, ResultFile, origin};
pub use random::MotionId;
pub use raw::{FIELDS, RawRequest};
pub use request::{
    DEFAULT_FRAMES, DEFAULT_GUIDANCE, DEFAULT_STEPS, DEFAULT_TOP_K_RATIO, MAX_GUIDANCE, MAX_PROMPT,
    MAX_SAMPLES, MAX_STEPS, MAX_TEMPERATURE, MIN_TEMPERATURE, ValidRequest,
};
pub use worker::{Health, Loader, OnProgress, Phase};

use crate::error::{Error, ErrorKind, Result};
use crate::generate::{GenerateRequest, Generated};
use crate::motion::{Pose, Rotations};
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::Store;
use tokio::sync::oneshot;
use worker::{Outcome, Worker};

/// A model to offer, and how to get it.
#[derive(Clone)]
pub struct ModelSpec {
    /// What requests call it.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// What it knows, in one line.
    pub knows: String,
    /// Prompts that it answers well.
    pub examples: Vec<String>,
    /// Makes it.
    pub loader: Loader,
}

/// How much the engine takes on.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Requests that may wait for one model.
    pub queue: usize,
    /// Results kept.
    pub results: usize,
    /// Bytes of motion kept, about.
    pub result_bytes: usize,
}

impl Default for Limits {
    /// 16 waiting, 256 results in 64 MiB (a 3-second clip with foot fix takes 270 kB).
    fn default() -> Self {
        Self { queue: 16, results: 256, result_bytes: 64 << 20 }
    }
}

/// A finished request under its name.
#[derive(Clone, Debug)]
pub struct Finished {
    /// Its name.
    pub id: MotionId,
    /// Name of the model that made it.
    pub model: String,
    /// What was asked for, all defaults resolved.
    pub request: GenerateRequest,
    /// What came out: finite numbers only, of the shape asked for.
    pub generated: Generated,
    /// Time in the queue.
    pub queue: Duration,
    /// From admission to the end.
    pub total: Duration,
}

impl Finished {
    /// Memory that the motion takes.
    pub fn bytes(&self) -> usize {
        let motions: usize =
            self.generated.samples.iter().map(|sample| 1 + usize::from(sample.foot_fixed.is_some())).sum();
        motions * 2 * self.request.frames * (size_of::<Pose>() + size_of::<Rotations>())
            + self.request.prompt.len()
    }
}

struct Model {
    name: String,
    title: String,
    knows: String,
    examples: Vec<String>,
    worker: Worker,
}

/// What may be told about a model.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)] // As in `ModelSpec`.
pub struct ModelInfo<'a> {
    pub name: &'a str,
    pub title: &'a str,
    pub knows: &'a str,
    pub examples: &'a [String],
}

/// Named models, each on its own thread, and the results they made. Dropping it stops the threads.
pub struct Engine {
    models: Vec<Model>,
    default: usize,
    store: Store,
}

impl Engine {
    /// Start one thread for each of `models`; `default` (else the first) serves requests that name none.
    /// Nothing is loaded yet: see [`Engine::load`].
    ///
    /// # Errors
    /// `no_model` when `models` is empty, `unknown_model` when `default` is not among them.
    pub fn start(models: Vec<ModelSpec>, default: Option<&str>, limits: Limits) -> Result<Self> {
        let models = models
            .into_iter()
            .map(|ModelSpec { name, title, knows, examples, loader }| {
                let worker = Worker::start(&name, loader, limits.queue)?;
                Ok(Model { name, title, knows, examples, worker })
            })
            .collect::<Result<Vec<_>>>()?;
        let mut engine = Self { models, default: 0, store: Store::new(limits.results, limits.result_bytes) };
        if engine.models.is_empty() {
            return Err(Error::new(ErrorKind::NotFound, "no_model", "no model is installed"));
        }
        engine.default = engine.position(default)?;
        Ok(engine)
    }

    /// The models, in the order they were given.
    pub fn models(&self) -> impl ExactSizeIterator<Item = ModelInfo<'_>> {
        self.models.iter().map(Model::info)
    }

    /// The model of requests that name none.
    pub fn default_model(&self) -> ModelInfo<'_> {
        self.models[self.default].info()
    }

    /// How each model is.
    pub fn health(&self) -> impl ExactSizeIterator<Item = (ModelInfo<'_>, Health)> {
        self.models.iter().map(|model| (model.info(), model.worker.health()))
    }

    /// Load a model (`None`: the default one) now rather than at its first request. Blocks; not for async code.
    ///
    /// # Errors
    /// `unknown_model`, or whatever its loader says.
    pub fn load(&self, model: Option<&str>) -> Result<()> {
        let answer = self.models[self.position(model)?].worker.load()?;
        answer.blocking_recv().map_err(|_| worker::stopped())?
    }

    /// Generate, and keep the result. Dropping the future cancels the work at its next decoding step.
    ///
    /// # Errors
    /// `unknown_model`, `queue_full`, `model_not_ready`, `model_failure`, `shutting_down`.
    pub async fn generate(&self, request: ValidRequest) -> Result<Arc<Finished>> {
        let (pending, answer) = self.admit(request, Box::new(|_, _| ()))?;
        let outcome = answer.await.map_err(|_| worker::stopped())??;
        Ok(self.keep(pending, outcome))
    }

    /// [`Engine::generate`] for callers that may block, with a look at the progress.
    ///
    /// # Errors
    /// As [`Engine::generate`].
    pub fn generate_blocking(&self, request: ValidRequest, on_progress: OnProgress) -> Result<Arc<Finished>> {
        let (pending, answer) = self.admit(request, on_progress)?;
        let outcome = answer.blocking_recv().map_err(|_| worker::stopped())??;
        Ok(self.keep(pending, outcome))
    }

    /// A kept result.
    ///
    /// # Errors
    /// `unknown_motion` when there is none of that name (any more).
    pub fn find(&self, id: &str) -> Result<Arc<Finished>> {
        MotionId::parse(id).and_then(|id| self.store.get(id)).ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                "unknown_motion",
                "there is no motion of this name (any more): results are kept for a while only; generate it again",
            )
        })
    }

    /// Refuse new work and stop what runs after its current decoding step.
    pub fn stop(&self) {
        self.models.iter().for_each(|model| model.worker.stop());
    }

    fn position(&self, model: Option<&str>) -> Result<usize> {
        let Some(name) = model else { return Ok(self.default) };
        self.models.iter().position(|model| model.name == name).ok_or_else(|| {
            let known: Vec<_> = self.models.iter().take(20).map(|model| model.name.as_str()).collect();
            Error::new(
                ErrorKind::NotFound,
                "unknown_model",
                format!("there is no model of this name; there is {}", known.join(", ")),
            )
        })
    }

    fn admit(
        &self,
        request: ValidRequest,
        on_progress: OnProgress,
    ) -> Result<(Pending, oneshot::Receiver<Result<Outcome>>)> {
        let model = &self.models[self.position(request.model.as_deref())?];
        let pending = Pending {
            id: MotionId::random()?,
            model: model.name.clone(),
            request: request.work,
            started: Instant::now(),
        };
        let answer = model.worker.generate(pending.request.clone(), on_progress)?;
        Ok((pending, answer))
    }

    fn keep(&self, pending: Pending, outcome: Outcome) -> Arc<Finished> {
        let finished = Arc::new(Finished {
            id: pending.id,
            model: pending.model,
            request: pending.request,
            generated: outcome.generated,
            queue: outcome.queue,
            total: pending.started.elapsed(),
        });
        self.store.put(finished.clone());
        finished
    }
}

/// A request that was let in.
struct Pending {
    id: MotionId,
    model: String,
    request: GenerateRequest,
    started: Instant,
}

impl Model {
    fn info(&self) -> ModelInfo<'_> {
        ModelInfo { name: &self.name, title: &self.title, knows: &self.knows, examples: &self.examples }
    }
}

#[cfg(test)]
mod tests;
