//! A model for tests: it walks two people along, and its prompt tells it how to misbehave.

use super::random::MotionId;
use super::{Finished, Limits, Loader, ModelFile, ModelSpec};
use crate::error::{Error, ErrorKind, Result};
use crate::generate::edit::without_model;
use crate::generate::{
    Draft, EditRequest, Familiarity, GenerateRequest, Generated, Generator, Nobody, Onlooker, Progress,
    Sample, Timings, Together, Turn, Underway,
};
use crate::motion::{JOINTS, Motion, Person};
use crate::package::Example;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

/// The test's hand on every [`Fake`] made by [`Control::loader`].
#[derive(Default)]
pub(crate) struct Control {
    /// Requests whose prompt starts with "wait" end when this is set, and so do those with "hang", which show no progress.
    pub open: AtomicBool,
    /// The request whose prompt is "hang apart" ends when this is set; it hangs on while others go on.
    pub apart: AtomicBool,
    /// Loading fails while this is set.
    pub broken: AtomicBool,
    /// Loading takes as long as this is set.
    pub slow: AtomicBool,
    pub loads: AtomicUsize,
    pub started: AtomicUsize,
    pub cancelled: AtomicUsize,
    /// Requests whose prompt starts with "step" take as many steps as this says, then wait for it to say more.
    pub steps: AtomicUsize,
    /// Drafts that somebody wanted.
    pub shown: AtomicUsize,
    /// Models can work on several generations side by side.
    pub together: AtomicBool,
}

impl Control {
    /// Whether a request shows no sign of life now.
    fn hangs(&self, prompt: &str) -> bool {
        let until = if prompt == "hang apart" { &self.apart } else { &self.open };
        prompt.starts_with("hang") && !until.load(SeqCst)
    }

    pub fn loader(self: &Arc<Self>) -> Loader {
        let control = self.clone();
        Arc::new(move || {
            control.loads.fetch_add(1, SeqCst);
            while control.slow.load(SeqCst) {
                std::thread::sleep(Duration::from_millis(2));
            }
            if control.broken.load(SeqCst) {
                return Err(Error::corrupt("bad_digest", "/secret/place/vq.safetensors is damaged"));
            }
            Ok(Box::new(Fake(control.clone())))
        })
    }

    pub fn spec(self: &Arc<Self>, name: &str) -> ModelSpec {
        ModelSpec {
            name: name.into(),
            title: format!("The {name} model"),
            knows: "walking <in> a line".into(),
            examples: ["walk <in> a line", "walk & turn"]
                .map(|prompt| Example { family: "Walk & go".into(), prompt: prompt.into(), seconds: 2.5 })
                .into(),
            guidance: None,
            memory: None,
            licence: "CC0".into(),
            files: vec![ModelFile { part: "vq".into(), bytes: 3, sha256: "ab".repeat(32) }],
            loader: self.loader(),
        }
    }
}

struct Fake(Arc<Control>);

impl Generator for Fake {
    fn generate_shown(
        &mut self,
        request: &GenerateRequest,
        progress: Progress<'_>,
        onlooker: &mut dyn Onlooker,
    ) -> Result<Generated> {
        self.run(request, progress, onlooker)
    }

    fn together(&self) -> Option<&dyn Together> {
        self.0.together.load(SeqCst).then_some(self)
    }

    fn edit(&mut self, request: &EditRequest, progress: Progress<'_>) -> Result<Generated> {
        match without_model(request)? {
            Some(done) => Ok(done),
            None => self.run(&request.how, progress, &mut Nobody),
        }
    }
}

impl Fake {
    fn run(
        &self,
        request: &GenerateRequest,
        progress: Progress<'_>,
        onlooker: &mut dyn Onlooker,
    ) -> Result<Generated> {
        self.0.started.fetch_add(1, SeqCst);
        let cancelled = || {
            self.0.cancelled.fetch_add(1, SeqCst);
            Error::new(ErrorKind::Cancelled, "cancelled", "stopped")
        };
        while request.prompt.starts_with("wait") && !self.0.open.load(SeqCst) {
            std::thread::sleep(Duration::from_millis(2));
            if progress(0, request.steps).is_break() {
                return Err(cancelled());
            }
        }
        while self.0.hangs(&request.prompt) {
            std::thread::sleep(Duration::from_millis(2));
        }
        for step in 1..=request.steps {
            while request.prompt.starts_with("step") && self.0.steps.load(SeqCst) < step {
                std::thread::sleep(Duration::from_millis(2));
                if progress(step - 1, request.steps).is_break() {
                    return Err(cancelled());
                }
            }
            if progress(step, request.steps).is_break() {
                return Err(cancelled());
            }
            if onlooker.wants(step) {
                self.0.shown.fetch_add(1, SeqCst);
                let positions = walk(request.frames, 0.0).persons.map(|person| person.positions);
                onlooker.see(step, Draft { sample: 0, positions });
            }
        }
        end(request)
    }
}

/// What a request comes to after its last step.
fn end(request: &GenerateRequest) -> Result<Generated> {
    if request.prompt.starts_with("panic") {
        panic!("index out of bounds in /secret/place/model.rs");
    }
    if request.prompt.starts_with("fail") {
        return Err(Error::internal("model_failure", "cannot multiply [3, 4] by /secret/place [5]"));
    }
    if request.prompt.starts_with("file") {
        let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
        return Err(Error::io("read", "/secret/place/model.toml".as_ref(), missing));
    }
    let mut generated = generated(request);
    if request.prompt.starts_with("nan") {
        generated.samples[0].motion.persons[1].positions[3][5][1] = f32::NAN;
    }
    if request.prompt.starts_with("infinite") {
        generated.samples[0].motion.persons[0].rotations[3][5][1] = f32::INFINITY;
    }
    if request.prompt.starts_with("short") {
        generated.samples[0].motion.persons[0].positions.pop();
    }
    Ok(generated)
}

impl Together for Fake {
    fn begin(&self, request: &GenerateRequest) -> Box<dyn Underway + '_> {
        Box::new(Walk {
            control: self.0.clone(),
            request: request.clone(),
            turns: 0,
            done: 0,
            is_over: false,
        })
    }
}

/// A request beside others.
struct Walk {
    control: Arc<Control>,
    request: GenerateRequest,
    turns: usize,
    done: usize,
    is_over: bool,
}

impl Walk {
    /// Whether the prompt says to make no step now.
    fn waits(&self) -> bool {
        let says = |word: &str| self.request.prompt.starts_with(word);
        (says("wait") && !self.control.open.load(SeqCst))
            || (says("step") && self.control.steps.load(SeqCst) <= self.done)
    }
}

impl Underway for Walk {
    fn done(&self) -> usize {
        self.done
    }

    fn total(&self) -> usize {
        self.request.steps
    }

    fn turn(&mut self, show: bool) -> Result<Turn> {
        self.turns += 1;
        if self.turns == 1 {
            self.control.started.fetch_add(1, SeqCst);
        }
        while self.control.hangs(&self.request.prompt) {
            std::thread::sleep(Duration::from_millis(2));
        }
        let draft = show.then(|| {
            self.control.shown.fetch_add(1, SeqCst);
            let positions = walk(self.request.frames, 0.0).persons.map(|person| person.positions);
            Draft { sample: 0, positions }
        });
        let mut turn = Turn { draft, generated: None };
        if self.done == self.total() {
            self.is_over = true;
            turn.generated = Some(end(&self.request)?);
        } else if self.waits() {
            std::thread::sleep(Duration::from_millis(2));
        } else {
            self.done += 1;
        }
        Ok(turn)
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        if !self.is_over {
            self.control.cancelled.fetch_add(1, SeqCst);
        }
    }
}

fn generated(request: &GenerateRequest) -> Generated {
    let samples = (0..request.samples)
        .map(|index| {
            let seed = request.seed.wrapping_add(index as u64);
            let motion = walk(request.frames, (seed % 97) as f32 * 0.01);
            let foot_fixed = request.foot_fix.then(|| walk(request.frames, 2.0 + (seed % 97) as f32 * 0.01));
            Sample { index, seed, motion, foot_fixed, tokens: None }
        })
        .collect();
    let familiarity = request.prompt.contains("quantum").then(|| Familiarity {
        near: false,
        similarity: 0.125,
        nearest: "two people talk".into(),
    });
    let prompt_truncated = request.prompt.len() > 300;
    Generated { samples, prompt_truncated, familiarity, timings: Timings::default() }
}

fn walk(frames: usize, offset: f32) -> Motion {
    let person = |side: f32| Person {
        positions: (0..frames)
            .map(|frame| {
                std::array::from_fn(|joint| {
                    [side, joint as f32 / JOINTS as f32, frame as f32 / 30.0 * 1.234_567 + offset]
                })
            })
            .collect(),
        rotations: vec![[[1.0, 0.0, 0.0, 0.0, 1.0, 0.0]; JOINTS - 1]; frames],
    };
    Motion { persons: [person(-0.5), person(0.5)] }
}

pub(crate) fn request(prompt: &str) -> GenerateRequest {
    let raw = super::RawRequest { prompt: Some(prompt.into()), seed: Some(7), ..Default::default() };
    raw.validate().unwrap().work
}

pub(crate) fn finished(frames: usize, samples: usize) -> Finished {
    let request = GenerateRequest { frames, samples, ..request("two people walk") };
    Finished {
        id: MotionId::random().unwrap(),
        owner: None,
        created: std::time::SystemTime::now(),
        model: "fake".into(),
        edit: None,
        generated: generated(&request),
        request,
        queue: Duration::ZERO,
        total: Duration::ZERO,
        codes: None,
    }
}

pub(crate) const LIMITS: Limits =
    Limits { queue: 2, results: 8, result_bytes: 8 << 20, batch_tokens: 4096, stall: None };

/// Wait until `true`, at most five seconds.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < Duration::from_secs(5), "waited in vain for: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
