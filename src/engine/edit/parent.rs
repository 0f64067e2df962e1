//! What an edit starts from: a result, or files.

use crate::engine::{Finished, MotionId};
use crate::error::{Error, Result};
use crate::formats;
use crate::generate::edit::{LONGEST, Source};
use crate::generate::{FRAMES_PER_TOKEN, MIN_FRAMES, Tokens};
use crate::motion::rotation::Quat;
use crate::motion::vector::{add, narrow, sub, widen};
use crate::motion::{Motion, Person};

/// How far in front of the only person of a file the place of the other is, metres.
const OPPOSITE: f64 = 1.0;

/// A motion to edit, and what is known of it.
#[derive(Clone, Debug)]
pub struct Parent {
    /// The result's name; `None` where it came from files.
    pub id: Option<MotionId>,
    /// Which of its samples.
    pub sample: usize,
    /// The model that made it, if one did: its tokens mean nothing to another.
    pub model: Option<String>,
    /// What was asked for, where that is known.
    pub prompt: Option<String>,
    /// Seed of the sample.
    pub seed: u64,
    /// Whether bones keep their length.
    pub rigid: bool,
    /// There is one person, who stands in both places, the second time opposite to the first.
    pub alone: bool,
    /// The motion.
    pub source: Source,
}

impl Parent {
    /// Sample `sample` of a result.
    ///
    /// # Errors
    /// `invalid_sample` where it has no such sample.
    pub fn of(finished: &Finished, sample: usize) -> Result<Self> {
        let made = finished.generated.samples.get(sample).ok_or_else(|| {
            let last = finished.generated.samples.len().saturating_sub(1);
            Error::invalid("invalid_sample", format!("sample must be a whole number from 0 to {last}"))
        })?;
        Ok(Self {
            id: Some(finished.id),
            sample,
            model: Some(finished.model.clone()),
            prompt: Some(finished.request.prompt.clone()),
            seed: made.seed,
            rigid: finished.request.rigid,
            alone: false,
            source: Source {
                motion: made.motion.clone(),
                foot_fixed: made.foot_fixed.clone(),
                tokens: made.tokens.clone(),
            },
        })
    }

    /// The persons of one or two files, npy or BVH. Captured feet are left as they are.
    ///
    /// # Errors
    /// `invalid_files` unless one or two, those of [`formats::read_person`], `motion_too_short`, `clip_too_long`,
    /// `persons_differ_in_length`.
    pub fn of_files(files: &[Vec<u8>]) -> Result<Self> {
        if !(1..=2).contains(&files.len()) {
            return Err(Error::invalid(
                "invalid_files",
                "files must hold one person's file, or two persons'",
            ));
        }
        let persons = files.iter().map(|bytes| Self::person(bytes)).collect::<Result<Vec<_>>>()?;
        Self::of_persons(persons)
    }

    /// One person of a file, npy or BVH, no longer than an edit may be: nothing longer is made of its bytes.
    ///
    /// # Errors
    /// Those of [`formats::read_person`].
    pub fn person(bytes: &[u8]) -> Result<Person> {
        // What is beyond the last whole token is cut off and does not count.
        formats::read_person(bytes, LONGEST + FRAMES_PER_TOKEN - 1)
    }

    /// One person or two, cut to whole tokens.
    ///
    /// # Errors
    /// As [`Parent::of_files`].
    pub fn of_persons(mut persons: Vec<Person>) -> Result<Self> {
        for person in &mut persons {
            let frames = person.frames() / FRAMES_PER_TOKEN * FRAMES_PER_TOKEN;
            if frames < MIN_FRAMES {
                let message =
                    format!("the motion is too short: it needs at least {MIN_FRAMES} frames at 30 a second");
                return Err(Error::invalid("motion_too_short", message));
            }
            if frames > LONGEST {
                return Err(too_long());
            }
            person.positions.truncate(frames);
            person.rotations.truncate(frames);
        }
        let alone = persons.len() == 1;
        let mut persons = persons.into_iter();
        let first = persons.next();
        let second = persons.next().or_else(|| first.as_ref().map(opposite));
        let (Some(first), Some(second)) = (first, second) else {
            return Err(Error::invalid("invalid_files", "there is nobody in the files"));
        };
        if first.frames() != second.frames() {
            let message = format!("person 1 has {} frames, person 2 has {}", first.frames(), second.frames());
            return Err(Error::invalid("persons_differ_in_length", message));
        }
        let motion = Motion { persons: [first, second] };
        let source = Source { foot_fixed: Some(motion.clone()), motion, tokens: None };
        Ok(Self { id: None, sample: 0, model: None, prompt: None, seed: 0, rigid: true, alone, source })
    }

    /// With the tokens behind the motion, where they are of its length.
    #[must_use]
    pub fn with_tokens(mut self, tokens: Option<Tokens>) -> Self {
        let frames = self.source.motion.frames();
        self.source.tokens = tokens.filter(|tokens| tokens.length() * FRAMES_PER_TOKEN == frames);
        self
    }
}

/// The refusal of clips beyond [`LONGEST`].
pub(super) fn too_long() -> Error {
    let seconds = LONGEST / 30;
    Error::invalid(
        "clip_too_long",
        format!("the clip would be too long: at most {LONGEST} frames ({seconds} s)"),
    )
}

/// The same person turned about, [`OPPOSITE`] metres in front of where he or she stands first.
fn opposite(person: &Person) -> Person {
    let mut other = person.clone();
    let Some(first) = person.positions.first() else { return other };
    let half = Quat::about([0.0, 1.0, 0.0], std::f64::consts::PI);
    let across = sub(widen(first[1]), widen(first[2]));
    // Left hip minus right hip, turned from the left to the front.
    let front =
        Quat::about([0.0, 1.0, 0.0], -std::f64::consts::FRAC_PI_2).rotate([across[0], 0.0, across[2]]);
    let length = front[0].hypot(front[2]).max(1e-9);
    let [x, _, z] = widen(first[0]);
    let ahead = [OPPOSITE * front[0] / length, 0.0, OPPOSITE * front[2] / length];
    for p in other.positions.iter_mut().flatten() {
        *p = narrow(add(half.rotate(sub(widen(*p), [x, 0.0, z])), add([x, 0.0, z], ahead)));
    }
    other
}
