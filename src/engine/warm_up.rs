//! A first clip that is nobody's, before a server takes requests: otherwise the first caller would wait for memory to be had from the
//! system, for threads to be started and for weights to be packed.

use super::task::Follower;
use super::worker;
use super::{Admitted, Engine, Entrance, RawRequest};
use crate::error::Result;

/// The shapes of a usual request, with guidance; few steps, for a start that is soon over.
const PROMPT: &str = "two people walk";
const FRAMES: i128 = 120;
const STEPS: i128 = 2;

impl Engine {
    /// [`Engine::load`], and have the model make a clip as it makes all others. The clip is dropped: it is kept nowhere and nobody is told
    /// of it. To be called before [`Engine::on_batch`], which would hear of its steps. Blocks; not for async code.
    ///
    /// # Errors
    /// Those of [`Engine::load`]; `model_failure` where the model is there and cannot make a motion.
    pub fn warm_up(&self, model: Option<&str>) -> Result<()> {
        self.load(model)?;
        let request = RawRequest {
            prompt: Some(PROMPT.into()),
            frames: Some(FRAMES),
            steps: Some(STEPS),
            seed: Some(0),
            model: model.map(str::to_owned),
            ..RawRequest::default()
        };
        let nobody = Follower::of(Box::new(|_, _| ()));
        let Admitted { answer, .. } = self.admit(request.validate()?.into(), nobody, Entrance::New)?;
        answer.blocking_recv().map_err(|_| worker::stopped())?.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fake::{Control, LIMITS};
    use crate::engine::{ArchiveLimits, Browse, JobLimits, Keeping, Phase};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    #[test]
    fn the_first_clip_is_made_and_kept_nowhere() {
        for together in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let control = Arc::new(Control::default());
            control.together.store(together, SeqCst);
            let keeping = Keeping::on_disk(folder.path(), ArchiveLimits::default(), JobLimits::default());
            let engine = Engine::start(vec![control.spec("one")], None, LIMITS).unwrap().keeping(keeping);
            let told = Arc::new(AtomicUsize::new(0));
            let tell = told.clone();
            engine.on_finished(Box::new(move |_| {
                tell.fetch_add(1, SeqCst);
            }));
            engine.warm_up(None).unwrap();
            assert_eq!((control.loads.load(SeqCst), control.started.load(SeqCst)), (1, 1));
            assert_eq!(told.load(SeqCst), 0);
            let all = Browse { owner: None, before: None, limit: 10 };
            assert!(engine.store.browse(&all).is_empty());
            assert_eq!(engine.kept().unwrap().kept, 0);
            assert_eq!(engine.health().next().unwrap().1.phase, Phase::Ready);
        }
    }

    #[test]
    fn a_model_that_cannot_be_loaded_says_why() {
        let control = Arc::new(Control::default());
        control.broken.store(true, SeqCst);
        let engine = Engine::start(vec![control.spec("one")], None, LIMITS).unwrap();
        assert_eq!(engine.warm_up(None).unwrap_err().code(), "bad_digest");
        assert_eq!(engine.warm_up(Some("two")).unwrap_err().code(), "unknown_model");
        assert_eq!(control.started.load(SeqCst), 0);
    }
}
