//! What goes into a model's queue, whichever door and kind of request it came through.

use super::queue::Turn;
use super::task::Work;
use super::{Edited, ValidEdit, ValidRequest};

/// Work for a model, valid and not let in yet: a [`ValidRequest`] or a [`ValidEdit`].
pub struct Asked {
    pub(super) model: Option<String>,
    pub(super) work: Work,
    pub(super) edit: Option<Edited>,
    /// Whose the result will be, and whose turn it takes in the queue.
    pub(super) owner: Option<String>,
}

impl Asked {
    /// The same for an owner, in whose list the result will be. `None` = nobody in particular.
    #[must_use]
    pub fn owned_by(self, owner: Option<&str>) -> Self {
        Self { owner: owner.map(str::to_owned), ..self }
    }

    /// Whose turn it takes, and how much of it: frames times decoding steps, over all samples.
    pub(super) fn turn(&self) -> Turn {
        let how = self.work.how();
        let work = [how.frames, how.steps, how.samples]
            .into_iter()
            .fold(1, |work: u64, n| work.saturating_mul(n as u64));
        Turn { lane: self.owner.clone(), work }
    }

    /// Results that it will have.
    pub fn samples(&self) -> usize {
        self.work.how().samples
    }
}

impl From<ValidRequest> for Asked {
    fn from(request: ValidRequest) -> Self {
        Self { model: request.model, work: Work::Generate(request.work), edit: None, owner: None }
    }
}

impl From<ValidEdit> for Asked {
    fn from(edit: ValidEdit) -> Self {
        let ValidEdit { model, parent, sample, work } = edit;
        let edited = Edited { parent, sample, task: work.task.clone() };
        Self { model, work: Work::Edit(work), edit: Some(edited), owner: None }
    }
}
