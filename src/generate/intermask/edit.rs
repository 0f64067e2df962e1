//! Edits with InterMask: what stays is given as tokens, the rest is sampled, decoded, put back into the world and spliced in.

use super::encode::Encoded;
use super::{InterMask, Sampling};
use crate::error::{Error, ErrorKind, Result};
use crate::generate::confidence::confidence;
use crate::generate::edit::{
    Between, EditRequest, React, SEAM, Source, Stretch, Task, Window, canvas, context,
};
use crate::generate::masked::{Known, Step, reaction_steps};
use crate::generate::{FRAMES_PER_TOKEN, Generated, MAX_FRAMES, Progress, Sample, Timings, Tokens};
use crate::models::inter_m::TextFeatures;
use crate::motion::alignment::{self, FloorMove, coasting, continued};
use crate::motion::placement::Placement;
use crate::motion::ramp::Ramp;
use crate::motion::rigid::stiffen;
use crate::motion::smooth::{smooth, smooth_through};
use crate::motion::splice::{self, Splice};
use crate::motion::{BodyParts, Motion, Person};
use std::ops::Range;
use std::time::Instant;

/// Frames that a continuation looks back on.
const LOOK_BACK: usize = 60;
/// Frames at the end of what is continued in which the continuation begins to take over, and frames after it in which that is
/// complete: a small model that begins something else does so abruptly.
const HAND_OVER: usize = 16;
const TAKEN_OVER: usize = 12;
/// Frames over which a new middle runs into both ends, at most.
const MIDDLE_BLEND: usize = 12;

/// All samples of an edit.
pub(super) fn edit(model: &InterMask, request: &EditRequest, progress: Progress<'_>) -> Result<Generated> {
    let how = &request.how;
    let rounds = match &request.task {
        Task::Extend(timeline) => timeline.len(),
        _ => 1,
    };
    let steps = if matches!(request.task, Task::React(_)) { reaction_steps(how.steps) } else { how.steps };
    let total = how.samples * rounds * steps;
    let mut samples = Vec::with_capacity(how.samples);
    let mut editor = Editor {
        model,
        request,
        steps,
        done: 0,
        total,
        progress,
        timings: Timings::default(),
        truncated: false,
    };
    for index in 0..how.samples {
        let seed = how.seed.wrapping_add(index as u64);
        let made = editor.make(seed)?;
        let Source { motion, foot_fixed, tokens } = made;
        samples.push(Sample { index, seed, motion, foot_fixed, tokens });
    }
    if (editor.progress)(total, total).is_break() {
        return Err(Error::new(ErrorKind::Cancelled, "cancelled", "the edit was cancelled"));
    }
    Ok(Generated { samples, prompt_truncated: editor.truncated, familiarity: None, timings: editor.timings })
}

struct Editor<'a, 'p> {
    model: &'a InterMask,
    request: &'a EditRequest,
    /// Decoding steps of one round.
    steps: usize,
    /// Steps of rounds that are over.
    done: usize,
    total: usize,
    progress: Progress<'p>,
    timings: Timings,
    truncated: bool,
}

impl Editor<'_, '_> {
    fn make(&mut self, seed: u64) -> Result<Source> {
        let request = self.request;
        let source = &*request.source;
        match &request.task {
            Task::Window(window) => self.window(source, window, seed),
            Task::React(react) => self.react(source, *react, seed),
            Task::Between(between) => self.between(source, *between, seed),
            Task::Vary(share) => self.vary(source, *share, seed),
            Task::Extend(timeline) => {
                let mut made = source.clone();
                for (round, stretch) in timeline.iter().enumerate() {
                    // Another stream for every stretch: the same prompt twice is not the same motion twice.
                    let seed = seed.wrapping_add((round as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
                    made = self.extend(&made, stretch, seed)?;
                }
                Ok(made)
            }
            // Done before a model is asked.
            Task::Move(_) => Err(Error::internal("internal", "a move needs no model")),
        }
    }

    fn window(&mut self, source: &Source, window: &Window, seed: u64) -> Result<Source> {
        let frames = source.motion.frames();
        let seen = context(frames, &window.frames);
        let text = self.text(&self.request.how.prompt)?;
        let from = self.encode(source, seen.clone())?;
        let columns = columns(&window.frames, seen.start);
        let places = self.model.vq.config().places;
        let known = canvas::with_blanks(from.tokens.ids(), from.tokens.length(), |place| {
            window.persons[place.person]
                && columns.contains(&place.time)
                && canvas::is_of(window.parts, places, place)
        });
        let tokens = self.fill(&text, &known, from.tokens.length(), seed)?;
        let start = Instant::now();
        let new = self.bodies(&tokens, &from.placement)?;
        let outside = seen.clone().filter(|t| !window.frames.contains(t)).map(|t| (t - seen.start, t));
        let new = laid(&source.motion, &returned(&new, &source.motion, &from, outside), seen.start);
        let new = met(&new, &source.motion, &window.frames, SEAM);
        let ramp = Ramp::around(frames, &window.frames, window.blend);
        let ramps = window.persons.map(|chosen| chosen.then_some(ramp));
        let tokens = from.exact.then_some(tokens);
        let made = self.splice(source, floors(source), &new, ramps, window.parts, tokens);
        self.timings.decode += start.elapsed();
        made
    }

    fn react(&mut self, source: &Source, React { kept, role }: React, seed: u64) -> Result<Source> {
        // Person `role` is the one who stays; the other place is for whoever is made.
        let cast = |motion: &Motion| {
            let [a, b] = &motion.persons;
            let persons = if kept == role { [a.clone(), b.clone()] } else { [b.clone(), a.clone()] };
            Motion { persons }
        };
        let source = Source {
            motion: cast(&source.motion),
            foot_fixed: source.foot_fixed.as_ref().map(cast),
            tokens: source.tokens.clone().filter(|_| kept == role),
        };
        let frames = source.motion.frames();
        let text = self.text(&self.request.how.prompt)?;
        let from = self.encode(&source, 0..frames)?;
        let known =
            canvas::with_blanks(from.tokens.ids(), from.tokens.length(), |place| place.person != role);
        let tokens = self.fill(&text, &known, from.tokens.length(), seed)?;
        let start = Instant::now();
        let new = self.decoded(&tokens, &from.placement)?;
        // The partner stands to the one who stays as the model has the two.
        let (seen, stays) = (&new.persons[role].positions, &source.motion.persons[role].positions);
        let new = FloorMove::between(seen.iter().zip(stays)).moved(&new);
        let ramps = [0, 1].map(|who| (who != role).then_some(Ramp::ALL));
        let tokens = from.exact.then_some(tokens);
        let made = self.splice(&source, floors(&source), &new, ramps, BodyParts::ALL, tokens);
        self.timings.decode += start.elapsed();
        made
    }

    fn between(&mut self, source: &Source, between: Between, seed: u64) -> Result<Source> {
        let Between { first, middle, last } = between;
        let (old, frames) = (source.motion.frames(), first + middle + last);
        let text = self.text(&self.request.how.prompt)?;
        let from = self.encode(source, 0..old)?;
        let made = columns(&(first..first + middle), 0);
        let later = old / FRAMES_PER_TOKEN;
        let length = frames / FRAMES_PER_TOKEN;
        let known = canvas::rearranged(from.tokens.ids(), length, |time| match time {
            time if time < made.start => Some(time),
            time if time < made.end => None,
            time => Some(time + later - length),
        });
        let tokens = self.fill(&text, &known, length, seed)?;
        let start = Instant::now();
        let new = self.bodies(&tokens, &from.placement)?;
        let ends = (0..first)
            .chain(first + middle..frames)
            .map(|t| (t, if t < first { t } else { t + old - frames }));
        let new = returned(&new, &source.motion, &from, ends);
        let around = |motion: &Motion| {
            joined([(motion, 0..first), (&new, first..first + middle), (motion, old - last..old)])
        };
        let floors = floors(source);
        let source = Source {
            motion: around(&source.motion),
            foot_fixed: source.foot_fixed.as_ref().map(around),
            tokens: None,
        };
        let made = first..first + middle;
        let new = met(&new, &source.motion, &made, MIDDLE_BLEND);
        // However short an end is, its outermost frame stays: it may be a pose that was wished for.
        let blends = [first, last].map(|end| MIDDLE_BLEND.min(end.saturating_sub(1)));
        let ramps = [Some(Ramp::reaching(frames, &made, blends)); 2];
        let tokens = from.exact.then_some(tokens);
        let made = self.splice(&source, floors, &new, ramps, BodyParts::ALL, tokens);
        self.timings.decode += start.elapsed();
        made
    }

    fn vary(&mut self, source: &Source, share: f64, seed: u64) -> Result<Source> {
        let frames = source.motion.frames();
        let text = self.text(&self.request.how.prompt)?;
        let from = self.encode(source, 0..frames)?;
        let sure = confidence(&self.model.model, &text, from.tokens.ids())?;
        let known = canvas::least_sure(from.tokens.ids(), &sure, share);
        let tokens = self.fill(&text, &known, from.tokens.length(), seed)?;
        let start = Instant::now();
        let new = self.decoded(&tokens, &from.placement)?;
        let new = returned(&new, &source.motion, &from, (0..frames).map(|t| (t, t)));
        let (ramps, tokens) = ([Some(Ramp::ALL); 2], from.exact.then_some(tokens));
        let made = self.splice(source, floors(source), &new, ramps, BodyParts::ALL, tokens);
        self.timings.decode += start.elapsed();
        made
    }

    fn extend(&mut self, source: &Source, stretch: &Stretch, seed: u64) -> Result<Source> {
        let old = source.motion.frames();
        let frames = old + stretch.frames;
        // All that there is where its tokens are at hand and the model can hold it, else the end of it, encoded.
        let whole = source.tokens.is_some() && frames <= MAX_FRAMES;
        let seen = if whole { 0..old } else { old - old.min(LOOK_BACK)..old };
        let text = self.text(&stretch.prompt)?;
        let from = self.encode(source, seen.clone())?;
        let given = from.tokens.length();
        let length = given + stretch.frames / FRAMES_PER_TOKEN;
        let known = canvas::rearranged(from.tokens.ids(), length, |time| (time < given).then_some(time));
        let tokens = self.fill(&text, &known, length, seed)?;
        let start = Instant::now();
        let end = self.bodies(&tokens, &from.placement)?;
        let end = returned(&end, &source.motion, &from, seen.clone().map(|t| (t - seen.start, t)));
        let longer = |motion: &Motion| Motion {
            persons: motion.persons.each_ref().map(|person| coasting(person, old, frames)),
        };
        let source = Source {
            motion: longer(&source.motion),
            foot_fixed: source.foot_fixed.as_ref().map(longer),
            tokens: None,
        };
        let hand_over = HAND_OVER.min(seen.len().saturating_sub(1));
        let new = laid(&source.motion, &end, seen.start);
        let new = Motion {
            persons: [0, 1]
                .map(|who| continued(&new.persons[who], &source.motion.persons[who], old, hand_over)),
        };
        let ramp = Ramp::around(frames, &(old + TAKEN_OVER..frames), hand_over + TAKEN_OVER);
        let tokens = (from.exact && whole).then_some(tokens);
        // Whatever a stretch does, the floor is that of what was there first.
        let floors = floors(&self.request.source);
        let made = self.splice(&source, floors, &new, [Some(ramp); 2], BodyParts::ALL, tokens);
        self.timings.decode += start.elapsed();
        made
    }

    fn text(&mut self, prompt: &str) -> Result<TextFeatures> {
        let start = Instant::now();
        let (text, truncated) = self.model.text(prompt)?;
        self.truncated |= truncated;
        self.timings.text += start.elapsed();
        Ok(text)
    }

    fn encode(&mut self, source: &Source, frames: Range<usize>) -> Result<Encoded> {
        let start = Instant::now();
        let encoded = self.model.encoded(&source.motion, source.tokens.as_ref(), frames);
        self.timings.text += start.elapsed();
        encoded
    }

    /// The canvas with its blanks filled.
    fn fill(&mut self, text: &TextFeatures, known: &Known, length: usize, seed: u64) -> Result<Tokens> {
        let start = Instant::now();
        let how = Sampling { request: &self.request.how, steps: self.steps, seed };
        let (done, total, progress) = (self.done, self.total, &mut self.progress);
        let mut observe = |step: &Step<'_>| progress(done + step.done, total);
        let tokens = self.model.tokens(text, length, Some(known), &how, &mut observe)?;
        self.done += self.steps;
        self.timings.tokens += start.elapsed();
        Ok(tokens)
    }

    /// Tokens as smoothed motion in the world.
    fn decoded(&self, tokens: &Tokens, placement: &Placement) -> Result<Motion> {
        let [one, two] = self.model.motion(tokens)?;
        let smooth = if self.request.how.rigid { smooth_through } else { smooth };
        let person = |features: &crate::motion::Features, who| {
            let person = Person { positions: smooth(&features.positions()), rotations: features.rotations() };
            placement.back(&person, who)
        };
        Ok(Motion { persons: [person(&one, 0), person(&two, 1)] })
    }

    /// The same on one skeleton each, where bones are to keep their length: what folds and swells has no place from which it could be
    /// led anywhere.
    fn bodies(&self, tokens: &Tokens, placement: &Placement) -> Result<Motion> {
        let motion = self.decoded(tokens, placement)?;
        if !self.request.how.rigid {
            return Ok(motion);
        }
        stiffen(&motion, false).map(|(motion, _)| motion).map_err(no_bodies)
    }

    fn splice(
        &self,
        source: &Source,
        floors: [f32; 2],
        new: &Motion,
        ramps: [Option<Ramp>; 2],
        parts: BodyParts,
        tokens: Option<Tokens>,
    ) -> Result<Source> {
        let (old, old_fixed) = (&source.motion, source.foot_fixed.as_ref());
        let rigid = self.request.how.rigid;
        let (motion, foot_fixed) =
            Splice { old, old_fixed, floors, new, ramps, parts, rigid }.join().map_err(no_bodies)?;
        Ok(Source { motion, foot_fixed, tokens })
    }
}

/// How high the floor under each person is.
fn floors(source: &Source) -> [f32; 2] {
    source.foot_fixed.as_ref().map_or([0.0; 2], splice::floors)
}

/// What a model gave cannot be put on skeletons.
fn no_bodies(source: Error) -> Error {
    Error::internal("model_failure", "the model gave bodies that cannot be put together").with_source(source)
}

/// Token frames of frames, counted from frame `start`.
fn columns(frames: &Range<usize>, start: usize) -> Range<usize> {
    (frames.start - start) / FRAMES_PER_TOKEN..(frames.end - start).div_ceil(FRAMES_PER_TOKEN)
}

/// `new` as a whole brought back to where `old` is by the frames that stay, given as (frame of `new`, frame of `old`): what was
/// encoded and decoded comes back a little beside. Exact tokens do not.
fn returned(
    new: &Motion,
    old: &Motion,
    from: &Encoded,
    stays: impl Iterator<Item = (usize, usize)> + Clone,
) -> Motion {
    if from.exact {
        return new.clone();
    }
    let pairs = [0, 1].into_iter().flat_map(|who| {
        let (new, old) = (&new.persons[who].positions, &old.persons[who].positions);
        stays.clone().map(move |(a, b)| (&new[a], &old[b]))
    });
    FloorMove::between(pairs).moved(new)
}

/// `new` with both people where `old` has them at the seams, `seam` frames wide, of `window`.
fn met(new: &Motion, old: &Motion, window: &Range<usize>, seam: usize) -> Motion {
    let person = |who: usize| alignment::met(&new.persons[who], &old.persons[who], window, seam);
    Motion { persons: [person(0), person(1)] }
}

/// `motion` with `new` in it from frame `start` on.
fn laid(motion: &Motion, new: &Motion, start: usize) -> Motion {
    let end = start + new.frames();
    joined([(motion, 0..start), (new, 0..new.frames()), (motion, end..motion.frames().max(end))])
}

/// Frames of motions one after the other.
fn joined(pieces: [(&Motion, Range<usize>); 3]) -> Motion {
    let person = |who: usize| {
        let mut person = Person { positions: Vec::new(), rotations: Vec::new() };
        for (motion, frames) in &pieces {
            let from = &motion.persons[who];
            person.positions.extend_from_slice(&from.positions[frames.clone()]);
            person.rotations.extend_from_slice(&from.rotations[frames.clone()]);
        }
        person
    };
    Motion { persons: [person(0), person(1)] }
}
