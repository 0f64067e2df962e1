//! A motion that emerges: small pictures of a generation under way, made only while somebody looks.

use super::answer::round;
use crate::generate::{Draft, FRAMES_PER_TOKEN, Onlooker};
use crate::motion::{FPS, Pose};
use serde::ser::{Serialize, SerializeStruct, Serializer};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// One frame of this many is shown: 7.5 a second, one a token.
pub const PREVIEW_STRIDE: usize = FRAMES_PER_TOKEN;
/// Fewest looks that can be asked for: one after so many steps.
pub const MAX_PREVIEW_STEPS: usize = 64;

/// A draft, small enough to be sent every few steps: every fourth frame, in metres rounded to the centimetre.
#[derive(Clone, Debug, PartialEq)]
pub struct Preview {
    /// Decoding steps done, over all samples.
    pub step: usize,
    /// Decoding steps in all.
    pub steps: usize,
    /// The sample that is being made, from 0.
    pub sample: usize,
    /// Persons 1 and 2, [`FPS`] / [`PREVIEW_STRIDE`] frames a second.
    positions: [Vec<Pose>; 2],
}

impl Serialize for Preview {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Person {
            positions: Vec<Vec<[f64; 3]>>,
        }
        let pose = |pose: &Pose| pose.map(|joint| joint.map(|metres| round(metres.into(), 1e2))).to_vec();
        let persons = self
            .positions
            .each_ref()
            .map(|positions| Person { positions: positions.iter().map(pose).collect() });
        let mut fields = serializer.serialize_struct("Preview", 5)?;
        fields.serialize_field("step", &self.step)?;
        fields.serialize_field("steps", &self.steps)?;
        fields.serialize_field("sample", &self.sample)?;
        fields.serialize_field("fps", &(FPS / PREVIEW_STRIDE as f32))?;
        fields.serialize_field("persons", &persons)?;
        fields.end()
    }
}

/// The drafts of one generation: who wants them how often, and the latest.
pub(super) struct Drafts {
    /// Steps between looks, one entry a viewer.
    wishes: Mutex<Vec<usize>>,
    latest: watch::Sender<Option<Arc<Preview>>>,
    /// Decoding steps in all.
    steps: usize,
}

impl Drafts {
    pub(super) fn new(steps: usize) -> Self {
        Self { wishes: Mutex::default(), latest: watch::Sender::new(None), steps }
    }

    /// Have the motion shown after every `every` steps, while the viewer is there.
    pub(super) fn view(self: &Arc<Self>, every: usize) -> Viewer {
        let every = every.max(1);
        self.wishes().push(every);
        Viewer { drafts: self.clone(), every, latest: self.latest.subscribe() }
    }

    fn wishes(&self) -> MutexGuard<'_, Vec<usize>> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Onlooker for &Drafts {
    fn wants(&mut self, done: usize) -> bool {
        self.wishes().iter().any(|every| done.is_multiple_of(*every))
    }

    fn see(&mut self, done: usize, draft: Draft) {
        let positions = draft.positions.map(|all| all.into_iter().step_by(PREVIEW_STRIDE).collect());
        let preview = Preview { step: done, steps: self.steps, sample: draft.sample, positions };
        self.latest.send_replace(Some(Arc::new(preview)));
    }
}

/// Somebody who watches a motion emerge. Who does not keep up misses some.
pub struct Viewer {
    drafts: Arc<Drafts>,
    every: usize,
    latest: watch::Receiver<Option<Arc<Preview>>>,
}

impl Viewer {
    /// What there is to see that has not been seen.
    pub fn fresh(&mut self) -> Option<Arc<Preview>> {
        if !self.latest.has_changed().unwrap_or(false) {
            return None;
        }
        let preview = self.latest.borrow_and_update().clone();
        preview.filter(|preview| preview.step.is_multiple_of(self.every))
    }

    /// Resolves when there is something to see.
    pub async fn changed(&mut self) {
        // The sender is in `drafts`: it does not go away meanwhile.
        if let Ok(()) = self.latest.changed().await {
            self.latest.mark_changed();
        }
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        let mut wishes = self.drafts.wishes();
        if let Some(place) = wishes.iter().position(|every| *every == self.every) {
            wishes.swap_remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::JOINTS;

    fn draft(frames: usize) -> Draft {
        let person: Vec<Pose> = (0..frames).map(|t| [[t as f32 * 0.012_34, 1.0, -0.001]; JOINTS]).collect();
        Draft { sample: 1, positions: [person.clone(), person] }
    }

    #[test]
    fn nobody_wants_what_nobody_watches() {
        let drafts = Arc::new(Drafts::new(20));
        assert!(!(&*drafts).wants(4));
        let (mut often, mut seldom) = (drafts.view(2), drafts.view(5));
        let wanted: Vec<_> = (1..=10).filter(|step| (&*drafts).wants(*step)).collect();
        assert_eq!(wanted, [2, 4, 5, 6, 8, 10]);
        (&*drafts).see(4, draft(88));
        assert_eq!(often.fresh().map(|preview| preview.step), Some(4));
        assert!(often.fresh().is_none(), "seen is seen");
        assert!(seldom.fresh().is_none(), "another's wish");
        drop(often);
        assert!(!(&*drafts).wants(4) && (&*drafts).wants(5));
    }

    #[test]
    fn a_preview_is_small_and_round() {
        let drafts = Arc::new(Drafts::new(20));
        let mut viewer = drafts.view(1);
        (&*drafts).see(3, draft(300));
        let json = serde_json::to_string(&*viewer.fresh().unwrap()).unwrap();
        assert!(json.len() < 80_000, "{}", json.len());
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!((&value["step"], &value["steps"], &value["sample"]), (&3.into(), &20.into(), &1.into()));
        assert_eq!(value["fps"], 7.5);
        let frames = value["persons"][1]["positions"].as_array().unwrap();
        assert_eq!((frames.len(), frames[0].as_array().unwrap().len()), (75, JOINTS));
        assert_eq!(frames[2][5], serde_json::json!([0.1, 1.0, 0.0]));
    }
}
