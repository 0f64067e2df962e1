//! What a model hands back is looked at before anybody sees it.

use crate::error::{Error, Result};
use crate::generate::{GenerateRequest, Generated};
use crate::motion::Motion;

/// Whether a failure is the model's own: what it computes is not to be trusted any more, be it weights that went bad or a GPU that lost its
/// context.
pub(super) fn is_models_own(error: &Error) -> bool {
    error.code() == "model_failure"
}

/// The motion is all finite numbers and of the shape that was asked for.
///
/// # Errors
/// `model_failure`.
pub(super) fn sound(generated: &Generated, request: &GenerateRequest) -> Result<()> {
    let failure = |what: String| {
        Err(Error::internal("model_failure", "the model gave no usable motion; the log has the cause")
            .with_source(what))
    };
    if generated.samples.len() != request.samples {
        return failure(format!("{} samples instead of {}", generated.samples.len(), request.samples));
    }
    for (position, sample) in generated.samples.iter().enumerate() {
        if sample.index != position || sample.foot_fixed.is_some() != request.foot_fix {
            return failure(format!("sample {position} is not the one asked for"));
        }
        for motion in std::iter::once(&sample.motion).chain(&sample.foot_fixed) {
            if !has_length(motion, request.frames) {
                return failure(format!("sample {position} has not {} frames", request.frames));
            }
            if !is_finite(motion) {
                return failure(format!("sample {position} holds NaN or infinite numbers"));
            }
        }
    }
    Ok(())
}

fn has_length(motion: &Motion, frames: usize) -> bool {
    motion.persons.iter().all(|person| person.positions.len() == frames && person.rotations.len() == frames)
}

fn is_finite(motion: &Motion) -> bool {
    motion.persons.iter().all(|person| {
        person.positions.iter().flatten().flatten().all(|number| number.is_finite())
            && person.rotations.iter().flatten().flatten().all(|number| number.is_finite())
    })
}
