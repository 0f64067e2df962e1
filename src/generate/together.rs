//! Several generations side by side: each goes on turn by turn, may begin and end at any turn, and gives the same bytes whoever is beside
//! it.

use super::{Draft, GenerateRequest, Generated, Onlooker, Progress};
use crate::error::{Error, ErrorKind, Result};

/// A model that can work on several generations side by side.
pub trait Together: Sync {
    /// Begin a generation; nothing is worked out before its first turn.
    fn begin(&self, request: &GenerateRequest) -> Box<dyn Underway + '_>;
}

/// A generation under way. Turns of several may be taken at the same time, each on a thread of its own.
pub trait Underway: Send {
    /// Decoding steps done, over all samples.
    fn done(&self) -> usize;

    /// Decoding steps in all.
    fn total(&self) -> usize;

    /// Go on: read the prompt, make a decoding step of every sample, or finish them. With `show`, also say what there was before the turn,
    /// which costs the decoding of a whole clip. Not to be called again after the end or an error.
    ///
    /// # Errors
    /// Those of [`super::Generator::generate_shown`], `cancelled` aside.
    fn turn(&mut self, show: bool) -> Result<Turn>;
}

/// What a turn gave.
#[derive(Debug, Default)]
pub struct Turn {
    /// What there was before it, where that was asked for and there was something to see.
    pub draft: Option<Draft>,
    /// The end.
    pub generated: Option<Generated>,
}

/// Whether one who looks wants to see what there is after one of the steps since `before`; if so, after which.
pub fn wanted(before: usize, done: usize, onlooker: &mut dyn Onlooker) -> Option<usize> {
    (before + 1..=done).find(|&step| onlooker.wants(step))
}

/// Take turns until the end.
///
/// # Errors
/// `cancelled` when `progress` breaks off; those of [`Underway::turn`].
pub(super) fn drive(
    underway: &mut dyn Underway,
    progress: Progress<'_>,
    onlooker: &mut dyn Onlooker,
) -> Result<Generated> {
    let cancelled = || Error::new(ErrorKind::Cancelled, "cancelled", "the generation was cancelled");
    let (mut before, total) = (0, underway.total());
    loop {
        let done = underway.done();
        if progress(done, total).is_break() {
            return Err(cancelled());
        }
        // The end is not shown: it is the result.
        let look = if done < total { wanted(before, done, onlooker) } else { None };
        before = done;
        let turn = underway.turn(look.is_some())?;
        if let Some((step, draft)) = look.zip(turn.draft) {
            onlooker.see(step, draft);
        }
        if let Some(generated) = turn.generated {
            return Ok(generated);
        }
    }
}
