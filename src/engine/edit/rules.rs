//! The rules of an edit: [`RawEdit`] and [`Parent`] in, [`ValidEdit`] out. Nothing downstream checks a range again.

use super::parent::{Parent, too_long};
use super::raw::{RawEdit, RawStretch};
use crate::engine::random::MotionId;
use crate::engine::raw::RawRequest;
use crate::engine::request::{self, ValidRequest, real, whole};
use crate::error::{Error, Result};
use crate::generate::edit::{
    Between, EditRequest, LONGEST, Move, RECEPTIVE_FIELD, React, SEAM, Stretch, Task, Window, context,
};
use crate::generate::{FRAMES_PER_TOKEN, MAX_FRAMES, MIN_FRAMES};
use crate::motion::{BodyParts, FPS};
use std::ops::Range;
use std::sync::Arc;

/// Most stretches of a timeline.
pub const MAX_STRETCHES: usize = 12;
/// Longest stretch, frames: with what it looks back on it fits the model.
const MAX_STRETCH: usize = 240;
/// Frames over which the new runs into the old when the request names none.
const DEFAULT_BLEND: usize = 12;
/// Share of the tokens that is drawn again when the request names none.
const DEFAULT_SHARE: f64 = 0.4;
/// Furthest move, metres.
const FAR: f64 = 10.0;
/// The kinds, as the request spells them.
const KINDS: [&str; 6] = ["window", "react", "between", "extend", "vary", "move"];

/// An edit that keeps every rule, and the model it is for (`None`: the parent's, or else the default one).
#[derive(Clone, Debug)]
pub struct ValidEdit {
    /// Name of the model asked for.
    pub model: Option<String>,
    /// The result that is edited, if it is one, and which of its samples.
    pub parent: Option<MotionId>,
    /// Which of its samples.
    pub sample: usize,
    /// What to do.
    pub work: EditRequest,
}

impl RawEdit {
    /// Which sample of the parent is meant, before the parent is known.
    ///
    /// # Errors
    /// `invalid_sample`.
    pub fn sample(&self) -> Result<usize> {
        whole(self.sample, 0, 0..=request::MAX_SAMPLES - 1, "invalid_sample", "sample")
    }

    /// Apply every rule and default to this edit of `parent`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) with the codes that docs/editing.md lists.
    pub fn validate(self, parent: Parent) -> Result<ValidEdit> {
        let frames = parent.source.motion.frames();
        let kind = self.known_kind()?;
        if parent.alone && kind != "react" {
            let message = "one file holds one person, who can be given a partner (kind react); other edits need two files";
            return Err(Error::invalid("invalid_files", message));
        }
        let task = match kind {
            "window" => Task::Window(self.window(frames)?),
            "react" => Task::React(self.react(frames, parent.alone)?),
            "between" => Task::Between(self.between(frames)?),
            "extend" => Task::Extend(self.timeline(frames)?),
            "vary" => {
                within_a_model(frames)?;
                let share = real(self.share, DEFAULT_SHARE, 0.05..=1.0, "invalid_share", "share")?;
                Task::Vary(share)
            }
            _ => Task::Move(self.movement(frames)?),
        };
        let how = how(self.how, &task, &parent)?;
        let Parent { id, sample, source, .. } = parent;
        let work = EditRequest { how: how.work, source: Arc::new(source), task };
        Ok(ValidEdit { model: how.model, parent: id, sample, work })
    }

    /// The kind, where every field given belongs to it.
    fn known_kind(&self) -> Result<&'static str> {
        let Some(kind) = &self.kind else {
            return Err(Error::invalid(
                "missing_field",
                format!("kind is missing: one of {}", KINDS.join(", ")),
            ));
        };
        let Some(kind) = KINDS.into_iter().find(|known| known == kind) else {
            return Err(Error::invalid("invalid_kind", format!("kind must be one of {}", KINDS.join(", "))));
        };
        let own: &[&str] = match kind {
            "window" => &["from", "to", "persons", "parts", "blend", "prompt"],
            "react" => &["person", "role", "prompt"],
            "between" => &["first", "middle", "last", "prompt"],
            "extend" => &["timeline"],
            "vary" => &["share", "prompt"],
            _ => &["person", "shift", "turn", "from", "to"],
        };
        let drawn = ["seed", "samples", "steps", "guidance", "top_k_ratio", "temperature"];
        let everywhere = ["parent", "files", "sample", "kind"];
        let fits = |name: &&str| {
            everywhere.contains(name) || own.contains(name) || (kind != "move" && drawn.contains(name))
        };
        match self.given().find(|name| !fits(name)) {
            None => Ok(kind),
            Some(name) => {
                let message =
                    format!("an edit of the kind {kind} has no field {name}; its own are {}", own.join(", "));
                Err(Error::invalid("unknown_field", message))
            }
        }
    }

    fn window(&self, total: usize) -> Result<Window> {
        let frames = window(required(self.from, "from")?, required(self.to, "to")?, total)?;
        if frames.len() > MAX_FRAMES {
            return Err(Error::invalid(
                "invalid_window",
                format!("a window has at most {MAX_FRAMES} frames; make a longer stretch anew in pieces"),
            ));
        }
        let parts = match &self.parts {
            None => BodyParts::ALL,
            Some(names) => BodyParts::named(names.iter().map(String::as_str))?,
        };
        let blend = whole(self.blend, DEFAULT_BLEND, 0..=RECEPTIVE_FIELD, "invalid_blend", "blend")?;
        // A model that does not see what the new runs into cannot lead there.
        let (seen, needed) = (context(total, &frames), blend.max(SEAM));
        let before = if seen.start > 0 { frames.start - seen.start } else { needed };
        let after = if seen.end < total { seen.end - frames.end } else { needed };
        if before.min(after) < needed {
            let most = MAX_FRAMES - 2 * needed.next_multiple_of(FRAMES_PER_TOKEN);
            let message = format!(
                "in a clip of more than {MAX_FRAMES} frames (10 s) a window with a blend of {blend} has at most {most} frames; \
                 make a longer stretch anew in pieces"
            );
            return Err(Error::invalid("invalid_window", message));
        }
        Ok(Window { frames, persons: persons(self.persons.as_deref())?, parts, blend })
    }

    fn react(&self, frames: usize, alone: bool) -> Result<React> {
        within_a_model(frames)?;
        let kept = person(self.person.or(Some(1)), "invalid_person", "person")?;
        if alone && kept != 0 {
            return Err(Error::invalid("invalid_person", "one file holds person 1 only"));
        }
        let role = match self.role {
            None => kept,
            role => person(role, "invalid_role", "role")?,
        };
        Ok(React { kept, role })
    }

    fn between(&self, frames: usize) -> Result<Between> {
        within_a_model(frames)?;
        let refused = |why: String| Err(Error::invalid("invalid_between", why));
        let (first, last) = (required(self.first, "first")?, required(self.last, "last")?);
        let (Some(first), Some(last)) = (tokens_up(first, frames), tokens_up(last, frames)) else {
            return refused(format!(
                "first and last must be numbers of frames from 1 to {frames}, the clip's length"
            ));
        };
        if first + last > frames {
            return refused(format!("first and last together are more than the clip's {frames} frames"));
        }
        let middle = match self.middle {
            None => Some(frames - first - last),
            Some(middle) => tokens_up(middle, MAX_FRAMES),
        };
        match middle {
            Some(middle) if middle > 0 && first + middle + last <= MAX_FRAMES => {
                Ok(Between { first, middle, last })
            }
            _ => refused(format!(
                "the middle must have frames, and with first and last at most {MAX_FRAMES} (10 s) in all"
            )),
        }
    }

    fn timeline(&self, frames: usize) -> Result<Vec<Stretch>> {
        let Some(stretches) = &self.timeline else { return Err(missing("timeline")) };
        if !(1..=MAX_STRETCHES).contains(&stretches.len()) {
            let message = format!("timeline must have 1 to {MAX_STRETCHES} stretches");
            return Err(Error::invalid("invalid_timeline", message));
        }
        let timeline = stretches.iter().map(RawStretch::validate).collect::<Result<Vec<_>>>()?;
        if frames + timeline.iter().map(|stretch| stretch.frames).sum::<usize>() > LONGEST {
            return Err(too_long());
        }
        Ok(timeline)
    }

    fn movement(&self, frames: usize) -> Result<Move> {
        let Some(who) = self.person else { return Err(missing("person")) };
        let [x, z] = self.shift.unwrap_or_default();
        let metres = |v| real(Some(v), 0.0, -FAR..=FAR, "invalid_shift", "each number of shift");
        let turn = real(self.turn, 0.0, -360.0..=360.0, "invalid_turn", "turn")?;
        let frames = match (self.from, self.to) {
            (None | Some(0), None | Some(0)) => 0..0,
            (from, to) => window(from.unwrap_or(0), required(to, "to")?, frames)?,
        };
        let person = person(Some(who), "invalid_person", "person")?;
        Ok(Move { person, shift: [metres(x)?, metres(z)?], turn, frames })
    }
}

impl RawStretch {
    fn validate(&self) -> Result<Stretch> {
        let refused = || {
            let message = format!(
                "a stretch has {MIN_FRAMES} to {MAX_STRETCH} frames (8 seconds): give frames or seconds"
            );
            Error::invalid("invalid_timeline", message)
        };
        let frames = match (self.frames, self.seconds) {
            (Some(frames), None) => usize::try_from(frames).map_err(|_| refused())?,
            // As in a generation, a millionth of a frame keeps a length such as 2.8 s from losing one.
            (None, Some(seconds)) if (0.0..1e3).contains(&seconds) => {
                (seconds * f64::from(FPS) + 1e-6) as usize
            }
            _ => return Err(refused()),
        };
        if !(MIN_FRAMES..=MAX_STRETCH).contains(&frames) {
            return Err(refused());
        }
        let prompt = request::prompt(self.prompt.clone())?;
        Ok(Stretch { prompt, frames: frames / FRAMES_PER_TOKEN * FRAMES_PER_TOKEN })
    }
}

/// How new motion is made, and by which model: told what the request says, or else what the parent's said.
fn how(raw: RawRequest, task: &Task, parent: &Parent) -> Result<ValidRequest> {
    let mut raw = raw;
    let said = raw.prompt.take();
    let prompt = match task {
        Task::Extend(timeline) => timeline.iter().map(|s| s.prompt.as_str()).collect::<Vec<_>>().join(" / "),
        Task::Move(_) => parent.prompt.clone().unwrap_or_default(),
        _ => match (said, &parent.prompt) {
            (None, Some(before)) => before.clone(),
            (said, _) => request::prompt(said)?,
        },
    };
    if matches!(task, Task::Move(_)) {
        raw.seed = Some(parent.seed.into());
    }
    let mut valid = raw.about(prompt, task.result_frames(parent.source.motion.frames()))?;
    valid.work.foot_fix = parent.source.foot_fixed.is_some();
    valid.work.rigid = parent.rigid;
    Ok(valid)
}

fn missing(name: &str) -> Error {
    Error::invalid("missing_field", format!("{name} is missing; edits of this kind need it"))
}

fn required(value: Option<i128>, name: &str) -> Result<i128> {
    value.ok_or_else(|| missing(name))
}

/// Frames `from`..`to` of a clip of `frames`, grown to whole tokens.
fn window(from: i128, to: i128, frames: usize) -> Result<Range<usize>> {
    match (usize::try_from(from), usize::try_from(to)) {
        (Ok(from), Ok(to)) if from < to && to <= frames => {
            Ok(from / FRAMES_PER_TOKEN * FRAMES_PER_TOKEN..to.next_multiple_of(FRAMES_PER_TOKEN).min(frames))
        }
        _ => Err(Error::invalid(
            "invalid_window",
            format!(
                "from and to must be frames of the clip, from before to, to at most {frames} (its length)"
            ),
        )),
    }
}

/// Frames as whole tokens, at least one, where they are at most `most`.
fn tokens_up(frames: i128, most: usize) -> Option<usize> {
    let frames = usize::try_from(frames).ok().filter(|frames| (1..=most).contains(frames))?;
    Some(frames.next_multiple_of(FRAMES_PER_TOKEN).min(most / FRAMES_PER_TOKEN * FRAMES_PER_TOKEN))
}

fn within_a_model(frames: usize) -> Result<()> {
    if frames <= MAX_FRAMES {
        return Ok(());
    }
    let message = format!(
        "this kind of edit takes clips of at most {MAX_FRAMES} frames (10 s), and this one has {frames}; edit a window of it"
    );
    Err(Error::invalid("clip_too_long", message))
}

/// Person 1 or 2 as 0 or 1.
fn person(raw: Option<i128>, code: &'static str, name: &str) -> Result<usize> {
    match raw {
        Some(1) => Ok(0),
        Some(2) => Ok(1),
        _ => Err(Error::invalid(code, format!("{name} must be 1 or 2"))),
    }
}

fn persons(raw: Option<&[i128]>) -> Result<[bool; 2]> {
    let Some(raw) = raw else { return Ok([true; 2]) };
    let mut persons = [false; 2];
    for &who in raw {
        persons[person(Some(who), "invalid_persons", "each of persons")?] = true;
    }
    if persons == [false; 2] {
        return Err(Error::invalid("invalid_persons", "persons must hold 1, 2 or both"));
    }
    Ok(persons)
}
