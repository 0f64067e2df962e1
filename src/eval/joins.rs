//! What one sees of the joins that edits make: how fast people are there, how abruptly that changes, and how far feet slide.

use crate::error::{Error, Result};
use crate::generate::edit::{Between, EditRequest, Source, Stretch, Task, Window};
use crate::generate::{GenerateRequest, Generator, Sample};
use crate::motion::contact::{ContactRule, FEET, detect};
use crate::motion::haste::Passing;
use crate::motion::vector::widen;
use crate::motion::{BodyParts, Motion, Pose};
use serde::Serialize;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

/// What is done, one after the other and round again.
const SENTENCES: [&str; 8] = [
    "two people dance salsa",
    "two people walk toward each other",
    "one person waves to the other",
    "two people shake hands",
    "one person bows to the other",
    "two people hug",
    "one person pushes the other",
    "one person walks in a circle around the other",
];
/// Frames of a clip, and of each of the stretches that go on from it.
const FRAMES: usize = 96;
/// Frames before the end of a clip and after it in which a join is looked for, where the clip goes on.
const AROUND: [usize; 2] = [16, 45];

/// How a figure is spread over joins.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Half of the joins are below.
    pub median: f64,
    /// 95 of 100 are below.
    pub p95: f64,
    /// The greatest.
    pub worst: f64,
    /// How many are above 2.
    pub over_two: usize,
}

impl Spread {
    fn of(values: &[f64]) -> Self {
        Self {
            median: percentile(values, 50),
            p95: percentile(values, 95),
            worst: percentile(values, 100),
            over_two: values.iter().filter(|&&value| value > 2.0).count(),
        }
    }
}

/// The joins of one kind of edit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Joins {
    /// What the edit was.
    pub edit: &'static str,
    /// Whether feet were planted.
    pub planted: bool,
    /// Joins seen, each person's on its own.
    pub joins: usize,
    /// [`Passing::speed`].
    pub speed: Spread,
    /// [`Passing::jump`].
    pub jump: Spread,
    /// How far feet in contact slide in a frame of a join on average, millimetres.
    pub slide_mm: f64,
    /// The same in the whole clips.
    pub slide_of_clips_mm: f64,
}

/// What was seen so far of one kind of edit.
#[derive(Default)]
struct Seen {
    passings: Vec<Passing>,
    slides: [Vec<f64>; 2],
}

impl Seen {
    fn look(&mut self, clip: &[Pose], before: &[Pose], join: &Range<usize>) {
        self.passings.push(Passing::beyond(clip, before, join.clone()));
        let slides = slides(clip);
        self.slides[0].extend(slides.iter().filter(|(t, _)| join.contains(t)).map(|(_, slide)| slide));
        self.slides[1].extend(slides.iter().map(|(_, slide)| slide));
    }

    fn told(&self, edit: &'static str, planted: bool) -> Joins {
        let spread =
            |of: fn(&Passing) -> f64| Spread::of(&self.passings.iter().map(of).collect::<Vec<f64>>());
        let [slide_mm, slide_of_clips_mm] = self
            .slides
            .each_ref()
            .map(|slides| 1000.0 * slides.iter().sum::<f64>() / slides.len().max(1) as f64);
        Joins {
            edit,
            planted,
            joins: self.passings.len(),
            speed: spread(|passing| passing.speed),
            jump: spread(|passing| passing.jump),
            slide_mm,
            slide_of_clips_mm,
        }
    }
}

/// An edit of the measure, and whom it changes where.
struct Edit {
    name: &'static str,
    task: fn(usize) -> Task,
    persons: Range<usize>,
    joins: &'static [[usize; 2]],
}

/// Three stretches after the end, a new middle, a short window of everything, and almost two seconds of one person's arms.
const EDITS: [Edit; 4] = [
    Edit {
        name: "extend",
        task: |n| {
            let stretch = |ahead: usize| Stretch { prompt: sentence(n + ahead), frames: FRAMES };
            Task::Extend([1, 3, 4].map(stretch).into())
        },
        persons: 0..2,
        joins: &[
            [FRAMES - AROUND[0], FRAMES + AROUND[1]],
            [2 * FRAMES - AROUND[0], 2 * FRAMES + AROUND[1]],
            [3 * FRAMES - AROUND[0], 3 * FRAMES + AROUND[1]],
        ],
    },
    Edit {
        name: "between",
        task: |_| Task::Between(Between { first: 32, middle: 24, last: 24 }),
        persons: 0..2,
        joins: &[[20, 68]],
    },
    Edit {
        name: "window",
        task: |_| {
            Task::Window(Window { frames: 40..56, persons: [true; 2], parts: BodyParts::ALL, blend: 8 })
        },
        persons: 0..2,
        joins: &[[32, 64]],
    },
    Edit {
        name: "arms",
        task: |_| {
            let arms = BodyParts { legs: false, torso: false, arms: true };
            Task::Window(Window { frames: 20..76, persons: [true, false], parts: arms, blend: 12 })
        },
        persons: 0..1,
        joins: &[[8, 88]],
    },
];

fn sentence(n: usize) -> String {
    SENTENCES[n % SENTENCES.len()].to_owned()
}

/// Each of `clips` clips of 3.2 s edited in four ways, seeds counting from `seed`, the second half of them with few decoding steps. `progress`
/// is told clips done.
///
/// # Errors
/// Of the generator.
pub fn measure(
    generator: &mut dyn Generator,
    clips: usize,
    seed: u64,
    mut progress: impl FnMut(usize),
) -> Result<Vec<Joins>> {
    let mut seen: [[Seen; 2]; EDITS.len()] = Default::default();
    for n in 0..clips {
        let how = GenerateRequest {
            prompt: sentence(n),
            frames: FRAMES,
            seed: seed.wrapping_add(n as u64),
            samples: 1,
            steps: if 2 * n < clips { 20 } else { 4 },
            guidance: 2.0,
            top_k_ratio: 0.9,
            temperature: 1.0,
            memory: None,
            foot_fix: true,
            rigid: true,
        };
        let made = only(generator.generate(&how, &mut |_, _| ControlFlow::Continue(()))?.samples)?;
        let Sample { motion, foot_fixed, tokens, .. } = made;
        let source = Arc::new(Source { motion, foot_fixed, tokens });
        for (edit, seen) in EDITS.iter().zip(&mut seen) {
            let task = (edit.task)(n);
            let frames = task.result_frames(FRAMES);
            let how = GenerateRequest { prompt: sentence(n + 2), frames, ..how.clone() };
            let request = EditRequest { how, source: Arc::clone(&source), task };
            let made = only(generator.edit(&request, &mut |_, _| ControlFlow::Continue(()))?.samples)?;
            // What follows a new middle is elsewhere in time than it was.
            let same = if let Task::Between(between) = &request.task { between.first } else { FRAMES };
            let shown = request.source.foot_fixed.as_ref().unwrap_or(&request.source.motion);
            look(edit, &made.motion, (&request.source.motion, same), &mut seen[0]);
            look(edit, made.shown(), (shown, same), &mut seen[1]);
        }
        progress(n + 1);
    }
    let told =
        |(edit, seen): (&Edit, &[Seen; 2])| [seen[0].told(edit.name, false), seen[1].told(edit.name, true)];
    Ok(EDITS.iter().zip(&seen).flat_map(told).collect())
}

fn only(samples: Vec<Sample>) -> Result<Sample> {
    samples.into_iter().next().ok_or_else(|| Error::internal("no_sample", "the model gave nothing"))
}

fn look(edit: &Edit, motion: &Motion, (before, same): (&Motion, usize), seen: &mut Seen) {
    let of = edit.persons.clone();
    for (person, was) in motion.persons[of.clone()].iter().zip(&before.persons[of]) {
        let was = &was.positions[..same];
        edit.joins.iter().for_each(|&[from, to]| seen.look(&person.positions, was, &(from..to)));
    }
}

/// How far each foot joint in contact goes along the floor from a frame to the next, metres, by frame.
fn slides(clip: &[Pose]) -> Vec<(usize, f64)> {
    let contacts = detect(clip, &ContactRule::default());
    let mut slides = Vec::new();
    for (t, (contacts, pair)) in contacts.iter().zip(clip.windows(2)).enumerate() {
        for (&joint, _) in FEET.iter().zip(contacts).filter(|(_, contact)| **contact) {
            let [a, b] = [widen(pair[0][joint]), widen(pair[1][joint])];
            slides.push((t, (b[0] - a[0]).hypot(b[2] - a[2])));
        }
    }
    slides
}

/// The value that so many of a hundred do not exceed; 0 where there is none.
fn percentile(values: &[f64], hundredths: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    sorted.get((sorted.len() * hundredths / 100).min(last)).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::JOINTS;

    #[test]
    fn only_feet_in_contact_slide() {
        // 2 cm a frame on the floor is slow enough; four foot joints, 99 steps, one of which is too long.
        let at = |t: usize| 0.02 * t as f32 + if t > 50 { 0.04 } else { 0.0 };
        let clip: Vec<Pose> = (0..100).map(|t| [[at(t), 0.0, 0.0]; JOINTS]).collect();
        let slides = slides(&clip);
        assert_eq!(slides.len(), 4 * 98);
        assert!(slides.iter().all(|(t, slide)| *t != 50 && (slide - 0.02).abs() < 1e-5));
    }

    #[test]
    fn spreads_say_how_many_are_too_fast() {
        let values: Vec<f64> = (1..=40).map(|n| 0.06 * f64::from(n)).collect();
        let spread = Spread::of(&values);
        assert_eq!(spread.over_two, 7);
        assert!((spread.worst - 2.4).abs() < 1e-12 && (spread.median - 1.26).abs() < 1e-12);
    }
}
