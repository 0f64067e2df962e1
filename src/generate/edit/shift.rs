//! One person moved or turned as a whole, and the feet put right.

use super::{Move, Source};
use crate::error::Result;
use crate::generate::{GenerateRequest, Generated, Sample, Timings};
use crate::motion::ramp::Ramp;
use crate::motion::rotation::Quat;
use crate::motion::splice::{Splice, floors};
use crate::motion::vector::{add, narrow, scale, sub, widen};
use crate::motion::{BodyParts, Motion, Person};

/// Frames before a move begins over which feet fixed anew take over from those fixed before.
const LEAD: usize = 8;

/// The motion with one person elsewhere, plain and, where the source has such a motion, foot-fixed. A person moved as a whole
/// keeps every footprint; one who is moved over some frames would slide, so that the feet are fixed again.
///
/// # Errors
/// As [`crate::motion::rigid::Body::of`].
pub fn moved(source: &Source, how: &Move, rigid: bool) -> Result<(Motion, Option<Motion>)> {
    let old = &source.motion;
    let pivot =
        old.persons[how.person].positions.get(how.frames.start).map_or([0.0; 3], |pose| widen(pose[0]));
    let carried = |motion: &Motion| {
        let mut motion = motion.clone();
        carry(&mut motion.persons[how.person], how, pivot);
        motion
    };
    let new = carried(old);
    let Some(old_fixed) = &source.foot_fixed else { return Ok((new, None)) };
    if how.frames.is_empty() {
        return Ok((new, Some(carried(old_fixed))));
    }
    let ramp = Ramp::around(old.frames(), &(how.frames.start..old.frames()), LEAD).firm();
    let ramps = [0, 1].map(|who| (who == how.person).then_some(ramp));
    let (floors, parts) = (floors(old_fixed), BodyParts::ALL);
    Splice { old, old_fixed: Some(old_fixed), floors, new: &new, ramps, parts, rigid }.join()
}

fn carry(person: &mut Person, how: &Move, pivot: [f64; 3]) {
    for (t, pose) in person.positions.iter_mut().enumerate() {
        let share = share(t, how);
        let turn = Quat::about([0.0, 1.0, 0.0], share * how.turn.to_radians());
        let shift = scale([how.shift[0], 0.0, how.shift[1]], share);
        for p in pose {
            *p = narrow(add(add(turn.rotate(sub(widen(*p), pivot)), pivot), shift));
        }
    }
}

/// How much of the move has happened at frame `t`: level at both ends.
fn share(t: usize, how: &Move) -> f64 {
    if how.frames.is_empty() {
        return 1.0;
    }
    let x = (t as f64 - how.frames.start as f64) / how.frames.len() as f64;
    let x = x.clamp(0.0, 1.0);
    x * x * (3.0 - 2.0 * x)
}

/// One sample of that motion. There is nothing to draw, so there is one whatever was asked for.
pub fn generated(motion: Motion, foot_fixed: Option<Motion>, how: &GenerateRequest) -> Generated {
    let sample = Sample { index: 0, seed: how.seed, motion, foot_fixed, tokens: None };
    Generated {
        samples: vec![sample],
        prompt_truncated: false,
        familiarity: None,
        timings: Timings::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::kinematics::tests::walk;
    use crate::motion::vector::norm;

    fn source() -> Source {
        let motion = Motion { persons: [walk(60), walk(60)] };
        Source { foot_fixed: Some(motion.clone()), motion, tokens: None }
    }

    #[test]
    fn a_whole_clip_keeps_its_shape_and_its_partner() {
        let source = source();
        let how = Move { person: 1, shift: [0.3, -0.2], turn: 90.0, frames: 0..0 };
        let (plain, fixed) = moved(&source, &how, true).unwrap();
        assert_eq!(plain.persons[0], source.motion.persons[0]);
        let (was, is) = (&source.motion.persons[1].positions, &fixed.unwrap().persons[1].positions);
        let pelvis = sub(widen(is[0][0]), widen(was[0][0]));
        assert!(norm(sub(pelvis, [0.3, 0.0, -0.2])) < 1e-5, "the pivot only shifts");
        for t in 0..60 {
            let step = |poses: &[crate::motion::Pose]| norm(sub(widen(poses[t][11]), widen(poses[0][0])));
            assert!((step(is) - step(was)).abs() < 1e-5);
        }
        // A quarter turn counter-clockwise from above takes +z to +x.
        let [from, to] = [was, is].map(|poses| sub(widen(poses[40][0]), widen(poses[0][0])));
        assert!((to[0] - from[2]).abs() < 1e-5 && (to[2] + from[0]).abs() < 1e-5);
    }

    #[test]
    fn who_was_captured_elsewhere_than_on_the_floor_does_not_sink_on_the_way() {
        for floor in [0.3, -0.9] {
            let mut source = source();
            source
                .motion
                .persons
                .iter_mut()
                .flat_map(|p| &mut p.positions)
                .flatten()
                .for_each(|p| p[1] += floor);
            source.foot_fixed = Some(source.motion.clone());
            let how = Move { person: 0, shift: [0.5, 0.0], turn: 0.0, frames: 20..40 };
            let fixed = moved(&source, &how, true).unwrap().1.unwrap();
            for (t, (is, was)) in
                fixed.persons[0].positions.iter().zip(&source.motion.persons[0].positions).enumerate()
            {
                let sunk = is[0][1] - was[0][1];
                assert!(sunk.abs() < 0.1, "{floor}, frame {t}: {sunk}");
            }
        }
    }

    #[test]
    fn a_move_over_some_frames_leaves_those_before_alone() {
        let source = source();
        let how = Move { person: 0, shift: [0.5, 0.0], turn: 0.0, frames: 20..40 };
        let (plain, fixed) = moved(&source, &how, true).unwrap();
        let fixed = fixed.unwrap();
        for motion in [&plain, &fixed] {
            assert_eq!(motion.persons[0].positions[..12], source.motion.persons[0].positions[..12]);
            assert_eq!(motion.persons[1], source.motion.persons[1]);
            let gone = motion.persons[0].positions[50][0][0] - source.motion.persons[0].positions[50][0][0];
            assert!((gone - 0.5).abs() < 0.02, "{gone}");
        }
    }
}
