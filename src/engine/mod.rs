//! From a request to a kept result: validation, one thread a model behind a bounded queue, timings, results store.
//!
//! Both doors (server and command line) come in here: [`RawRequest`] → [`RawRequest::validate`] → [`Engine::generate`] →
//! [`Finished`] → [`answer`]; for edits [`RawEdit`] → [`Engine::prepare`] → [`Engine::edit`] in the same way. The engine knows models only as [`Generator`](crate::generate::Generator)s.

pub mod answer;
mod archive;
mod asked;
pub mod batch;
mod check;
mod drafts;
pub mod edit;
#[cfg(test)]
pub(crate) mod fake;
mod files;
mod finished;
mod gallery;
mod health;
mod jobs;
mod kept;
mod lanes;
mod limits;
mod offer;
mod queue;
mod random;
mod raw;
mod reply;
mod request;
mod store;
mod task;
mod together;
mod warm_up;
mod watch;
mod worker;

pub use archive::{ArchiveLimits, Figures, Keeping};
pub use asked::Asked;
pub use drafts::{MAX_PREVIEW_STEPS, PREVIEW_STRIDE, Preview, Viewer};
pub use edit::{Edited, Parent, RawEdit, RawStretch, ValidEdit, fields as edit_fields};
pub use files::{Content, ResultFile, origin};
pub use finished::Finished;
pub use gallery::{Browse, DEFAULT_PAGE, Entry, MAX_PAGE, Page};
pub use health::{Health, Phase};
pub use jobs::{Idempotency, Job, JobLimits, JobState, JobWatch, Jobs, Order};
pub use limits::{DEFAULT_BATCH_TOKENS, Limits};
pub use offer::{ModelFile, ModelInfo, ModelSpec};
pub use random::MotionId;
pub use raw::{FIELDS, RawRequest};
pub use request::{
    DEFAULT_FRAMES, DEFAULT_GUIDANCE, DEFAULT_STEPS, DEFAULT_TOP_K_RATIO, MAX_GUIDANCE, MAX_PROMPT,
    MAX_SAMPLES, MAX_STEPS, MAX_TEMPERATURE, MIN_TEMPERATURE, ValidRequest,
};
pub use task::OnProgress;
pub use together::Batch;
pub use worker::Loader;

use crate::error::{Error, ErrorKind, Result};
use crate::generate::GenerateRequest;
use crate::generate::edit::Task;
use archive::{Archive, on_disk};
use offer::Model;
use queue::Ticket;
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime};
use store::Store;
use task::{Follower, Outcome};
use tokio::sync::oneshot;

/// Told of a model's name and what it has in flight, at every decoding step of its generations.
pub type OnBatch = Arc<dyn Fn(&str, Batch) + Send + Sync>;

/// Told of every result, when it is there.
pub type OnFinished = Box<dyn Fn(&Finished) + Send + Sync>;

/// How many times the usual guidance a window with words of its own has, which what stays around it speak against: with the usual 2.5 no arm
/// of duet-mini rose in eight windows in the midst of a walk, with 5 somebody waved in seven of twelve.
const REWORDED: f64 = 2.0;

/// Named models, each on its own thread, and the results they made. Dropping it stops the threads.
pub struct Engine {
    models: Vec<Model>,
    default: usize,
    store: Arc<Store>,
    keeping: Keeping,
    on_finished: OnceLock<OnFinished>,
}

impl Engine {
    /// Start one thread for each of `models`; `default` (else the first) serves requests that name none.
    /// Nothing is loaded yet: see [`Engine::load`].
    ///
    /// # Errors
    /// `no_model` when `models` is empty, `unknown_model` when `default` is not among them.
    pub fn start(models: Vec<ModelSpec>, default: Option<&str>, limits: Limits) -> Result<Self> {
        let models = models.into_iter().map(|spec| Model::start(spec, limits)).collect::<Result<Vec<_>>>()?;
        let store = Arc::new(Store::new(limits.results, limits.result_bytes));
        let mut engine =
            Self { models, default: 0, store, keeping: Keeping::Memory, on_finished: OnceLock::new() };
        if engine.models.is_empty() {
            return Err(Error::new(ErrorKind::NotFound, "no_model", "no model is installed"));
        }
        engine.default = engine.position(default)?;
        Ok(engine)
    }

    /// The same that keeps results elsewhere, too.
    #[must_use]
    pub fn keeping(self, keeping: Keeping) -> Self {
        Self { keeping, ..self }
    }

    /// Have `on_finished` told of every result from now on; a second call is without effect.
    pub fn on_finished(&self, on_finished: OnFinished) {
        // Refused is what comes too late, as promised.
        let _ = self.on_finished.set(on_finished);
    }

    /// Have `on_batch` told of what is in flight from now on; a second call is without effect.
    pub fn on_batch(&self, on_batch: &OnBatch) {
        for model in &self.models {
            let (name, tell) = (model.name.clone(), on_batch.clone());
            model.worker.on_batch(Box::new(move |batch| tell(&name, batch)));
        }
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
        self.run(request.into()).await
    }

    /// [`Engine::generate`] or [`Engine::edit`], whichever it is.
    ///
    /// # Errors
    /// As those.
    pub async fn run(&self, asked: Asked) -> Result<Arc<Finished>> {
        self.result(self.submit(asked)?).await
    }

    /// Whether a request of this owner to this model would be let in now: a look before files are read for it, no promise.
    ///
    /// # Errors
    /// `unknown_model`, `queue_full`, `shutting_down`.
    pub fn look(&self, model: Option<&str>, owner: Option<&str>) -> Result<()> {
        self.models[self.position(model)?].worker.look(owner)
    }

    /// What a request leaves open and its model says.
    #[must_use]
    pub fn filled(&self, raw: RawRequest) -> RawRequest {
        let usual = self.position(raw.model.as_deref()).ok().map(|model| self.models[model].guidance);
        RawRequest { guidance: raw.guidance.or(usual), ..raw }
    }

    /// Let a request into its model's queue, for [`Engine::result`] to be awaited apart from that.
    ///
    /// # Errors
    /// Those of [`Engine::generate`] that are known at once.
    pub fn submit(&self, asked: Asked) -> Result<Admitted> {
        self.admit(asked, Follower::of(Box::new(|_, _| ())), Entrance::New)
    }

    /// How many requests will be served before this one if none comes; `None` once it is served itself.
    fn waiting_before(&self, place: Place) -> Option<usize> {
        self.models[place.model].worker.position(place.ticket)
    }

    /// [`Engine::generate`] for callers that may block, with a look at the progress.
    ///
    /// # Errors
    /// As [`Engine::generate`].
    pub fn generate_blocking(&self, request: ValidRequest, on_progress: OnProgress) -> Result<Arc<Finished>> {
        self.finish_blocking(self.admit(request.into(), Follower::of(on_progress), Entrance::New)?)
    }

    /// Find what an edit is about and apply the rules. Reads files, so it may take milliseconds.
    ///
    /// # Errors
    /// `unknown_motion`, `invalid_parent`, `missing_field`, those of [`Parent::of_files`] and [`RawEdit::validate`].
    pub fn prepare(&self, raw: RawEdit) -> Result<ValidEdit> {
        let parent = match (&raw.parent, &raw.files) {
            (Some(id), None) => {
                let finished = self.find(id)?;
                let mut parent = Parent::of(&finished, raw.sample()?)?;
                if !self.names_codes(&finished) {
                    parent.source.tokens = None;
                }
                parent
            }
            (None, Some(files)) => Parent::of_files(files)?,
            (Some(_), Some(_)) => {
                return Err(Error::invalid("invalid_parent", "give parent or files, not both"));
            }
            (None, None) => {
                let message =
                    "parent is missing: the id of the result to edit (or files, with a motion of your own)";
                return Err(Error::invalid("missing_field", message));
            }
        };
        self.prepare_from(raw, parent)
    }

    /// [`Engine::prepare`] where the motion is at hand.
    ///
    /// # Errors
    /// Those of [`RawEdit::validate`].
    pub fn prepare_from(&self, raw: RawEdit, mut parent: Parent) -> Result<ValidEdit> {
        let made_by = parent.model.take();
        // Who made a motion changes it, unless another model is asked for or that one is gone.
        let known = made_by.as_deref().and_then(|name| self.position(Some(name)).ok());
        let model = match &raw.how.model {
            Some(name) => self.position(Some(name))?,
            None => known.unwrap_or(self.default),
        };
        if known != Some(model) {
            // Another model's tokens mean nothing to this one: it encodes the motion.
            parent.source.tokens = None;
        }
        let says_guidance = raw.how.guidance.is_some();
        let is_reworded =
            raw.how.prompt.as_deref().is_some_and(|words| parent.prompt.as_deref() != Some(words.trim()));
        let mut valid = raw.validate(parent)?;
        let usual = self.models[model].guidance;
        match valid.work.task {
            _ if says_guidance => {}
            Task::Move(_) => {}
            Task::Window(_) if is_reworded => {
                valid.work.how.guidance = (REWORDED * usual).min(MAX_GUIDANCE) as f32;
            }
            _ => valid.work.how.guidance = usual as f32,
        }
        Ok(ValidEdit { model: Some(self.models[model].name.clone()), ..valid })
    }

    /// Edit, and keep the result. Dropping the future cancels the work at its next decoding step.
    ///
    /// # Errors
    /// As [`Engine::generate`], and `edit_not_supported`.
    pub async fn edit(&self, edit: ValidEdit) -> Result<Arc<Finished>> {
        self.run(edit.into()).await
    }

    /// [`Engine::edit`] for callers that may block, with a look at the progress.
    ///
    /// # Errors
    /// As [`Engine::edit`].
    pub fn edit_blocking(&self, edit: ValidEdit, on_progress: OnProgress) -> Result<Arc<Finished>> {
        self.finish_blocking(self.admit(edit.into(), Follower::of(on_progress), Entrance::New)?)
    }

    /// SHA-256 of the VQ-VAE that a model has now, whose codes its tokens name; `None` where there is no such model.
    pub fn codes(&self, model: &str) -> Option<&str> {
        self.position(Some(model)).ok().and_then(|model| self.models[model].codes())
    }

    /// Whether the tokens of a result are codes of the weights that its model has now.
    fn names_codes(&self, finished: &Finished) -> bool {
        finished.codes.is_some() && self.codes(&finished.model) == finished.codes.as_deref()
    }

    fn archive(&self) -> Option<&Arc<Archive>> {
        self.keeping.archive()
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

    /// Let it in now; its result is awaited apart from that.
    fn admit(&self, asked: Asked, follower: Follower, entrance: Entrance) -> Result<Admitted> {
        let turn = asked.turn();
        let Asked { model, work, edit, owner } = asked;
        let (position, started) = (self.position(model.as_deref())?, Instant::now());
        let (id, had_a_place) = match entrance {
            Entrance::New => (MotionId::random()?, false),
            Entrance::Again(id) => (id, true),
        };
        let (model, request) = (&self.models[position], work.how().clone());
        let (ticket, answer) = model.worker.run(work, follower, turn, had_a_place)?;
        let place = Place { model: position, ticket };
        let pending = Pending { id, owner, model: model.name.clone(), request, edit, started, place };
        Ok(Admitted { pending, answer })
    }

    /// The result of what was let in. Dropping the future cancels the work at its next decoding step.
    ///
    /// # Errors
    /// As [`Engine::generate`].
    pub async fn result(&self, admitted: Admitted) -> Result<Arc<Finished>> {
        self.kept_result(admitted).await.map(|(finished, _)| finished)
    }

    /// [`Engine::result`], and whether it outlives the process, where results do.
    async fn kept_result(&self, admitted: Admitted) -> Result<(Arc<Finished>, bool)> {
        let Admitted { pending, answer } = admitted;
        let outcome = answer.await.map_err(|_| worker::stopped())??;
        let finished = self.keep(pending, outcome);
        let kept = finished.clone();
        let is_kept = on_disk(self.archive(), move |archive| archive.keep(&kept)).await;
        Ok((finished, is_kept.unwrap_or(self.archive().is_none())))
    }

    fn finish_blocking(&self, admitted: Admitted) -> Result<Arc<Finished>> {
        let Admitted { pending, answer } = admitted;
        let outcome = answer.blocking_recv().map_err(|_| worker::stopped())??;
        let finished = self.keep(pending, outcome);
        if let Some(archive) = self.archive() {
            archive.keep(&finished);
        }
        Ok(finished)
    }

    fn keep(&self, pending: Pending, outcome: Outcome) -> Arc<Finished> {
        let finished = Arc::new(Finished {
            id: pending.id,
            owner: pending.owner,
            created: SystemTime::now(),
            model: pending.model,
            request: pending.request,
            edit: pending.edit,
            generated: outcome.generated,
            queue: outcome.queue,
            total: pending.started.elapsed(),
            codes: self.models[pending.place.model].codes().map(Into::into),
        });
        self.store.put(finished.clone());
        if let Some(tell) = self.on_finished.get() {
            tell(&finished);
        }
        finished
    }
}

/// A request that was let in, and where its answer will come from. Dropping it cancels the request.
pub struct Admitted {
    pending: Pending,
    answer: oneshot::Receiver<Result<Outcome>>,
}

/// How a request comes in.
#[derive(Clone, Copy, Debug)]
enum Entrance {
    /// If there is room.
    New,
    /// It was let in before this process began; its result will have the name that was chosen then.
    Again(MotionId),
}

/// Where a request stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    model: usize,
    ticket: Ticket,
}

/// A request that was let in.
struct Pending {
    id: MotionId,
    owner: Option<String>,
    model: String,
    request: GenerateRequest,
    edit: Option<Edited>,
    started: Instant,
    place: Place,
}

#[cfg(test)]
mod tests;
