//! Poses between those of two motions: the body turns from one to the other and every joint by its own share, so that bones keep
//! their length, and no limb changes its mind about the way round.

use super::alignment::turned;
use super::rotation::{Quat, best_fit};
use super::skeleton::{PARENTS, children};
use super::vector::{Vec3d, add, dot, narrow, norm, scale, sub, unit as direction, widen};
use super::{JOINTS, Pose};
use std::f64::consts::TAU;
use std::ops::Range;

/// How much of the new motion there is in each frame, 0..=1, by limb.
#[derive(Clone, Debug, PartialEq)]
pub struct Shares {
    /// The body as a whole: all but the arms.
    pub body: Vec<f64>,
    /// The left arm and the right, from the shoulder on.
    pub arms: [Vec<f64>; 2],
}

impl Shares {
    /// The same for all limbs.
    pub fn even(shares: Vec<f64>) -> Self {
        Self { arms: [shares.clone(), shares.clone()], body: shares }
    }

    /// Those of a joint: of the bone that ends in it.
    pub fn of(&self, joint: usize) -> &[f64] {
        match joint {
            16 | 18 | 20 => &self.arms[0],
            17 | 19 | 21 => &self.arms[1],
            _ => &self.body,
        }
    }

    /// Those of what a joint turns.
    pub fn turning(&self, joint: usize) -> &[f64] {
        self.of(children(joint).next().unwrap_or(joint))
    }

    /// Whether there is something of the new in frame `t`.
    pub fn has_new(&self, t: usize) -> bool {
        self.all().any(|shares| shares[t] > 0.0)
    }

    /// Whether there is something of the old in frame `t`.
    pub fn has_old(&self, t: usize) -> bool {
        self.all().any(|shares| shares[t] < 1.0)
    }

    /// Those of some frames.
    pub fn cut(&self, frames: &Range<usize>) -> Self {
        let cut = |shares: &Vec<f64>| shares[frames.clone()].to_vec();
        Self { body: cut(&self.body), arms: self.arms.each_ref().map(cut) }
    }

    fn all(&self) -> impl Iterator<Item = &Vec<f64>> {
        std::iter::once(&self.body).chain(&self.arms)
    }

    /// Runs of frames that have something of both.
    pub fn runs(&self) -> Vec<Range<usize>> {
        let both: Vec<bool> = (0..self.body.len()).map(|t| self.has_new(t) && self.has_old(t)).collect();
        let mut start = 0;
        let run = |run: &[bool]| {
            start += run.len();
            run[0].then_some(start - run.len()..start)
        };
        both.chunk_by(|a, b| a == b).filter_map(run).collect()
    }
}

/// The poses of `old`, of `new`, and in between where there is something of both. `turns`: the pelvis is new too, so that people
/// turn as a whole.
pub fn between(old: &[Pose], new: &[Pose], shares: &Shares, turns: bool) -> Vec<Pose> {
    let frames = old.iter().zip(new).enumerate();
    let mut poses: Vec<Pose> =
        frames.map(|(t, (old, new))| if shares.has_new(t) { *new } else { *old }).collect();
    for run in shares.runs() {
        let passage = Passage::of(old, new, shares, run.clone(), turns);
        for (k, t) in run.enumerate() {
            poses[t] = passage.pose(k, &old[t], &new[t], |joint| shares.of(joint)[t]);
        }
    }
    poses
}

/// Where a body comes to that goes on as it did from `before` to `last`: one pose for each of `shares`, of which 0 is the former and 1 the
/// latter.
pub fn onward(before: &Pose, last: &Pose, shares: impl Iterator<Item = f64>) -> Vec<Pose> {
    let passage = Passage::of(&[*before], &[*last], &Shares::even(vec![0.5]), 0..1, true);
    shares.map(|share| passage.pose(0, before, last, |_| share)).collect()
}

/// Bones that turn together, each named by the joint it ends in, outward from the pelvis: a part of a body.
///
/// An arm from the shoulder to the wrist is one, a leg too: its two bones turn as one and bend meanwhile, so that a hand goes straight
/// to where it is wanted whichever way the elbow points.
const UNITS: [&[usize]; 13] = [
    &[1, 2, 3],
    &[4, 7],
    &[5, 8],
    &[10],
    &[11],
    &[6],
    &[9],
    &[12, 13, 14],
    &[15],
    &[16],
    &[17],
    &[18, 20],
    &[19, 21],
];

/// The unit of each bone.
const UNIT_OF: [usize; JOINTS] = {
    let mut of = [0; JOINTS];
    let mut unit = 0;
    while unit < UNITS.len() {
        let mut k = 0;
        while k < UNITS[unit].len() {
            of[UNITS[unit][k]] = unit;
            k += 1;
        }
        unit += 1;
    }
    of
};

/// The unit that a unit hangs on; none for the first.
fn up(unit: usize) -> Option<usize> {
    PARENTS[UNITS[unit][0]].filter(|&joint| joint > 0).map(|joint| UNIT_OF[joint])
}

/// The way from old to new in each frame of a run.
///
/// Each unit of a body turns what hangs on it. Rotations are relative to the unit before and follow each other from frame to frame.
/// The shortest way at each frame would not do: where two limbs point in opposite directions it jumps from one side to the
/// other.
struct Passage {
    /// About the vertical, radians: the way round that it was in the frame before.
    turn: Vec<f64>,
    /// Each unit's rotation from old to new, relative to that of the unit it hangs on.
    local: Vec<[Quat; UNITS.len()]>,
}

impl Passage {
    fn of(old: &[Pose], new: &[Pose], shares: &Shares, run: Range<usize>, turns: bool) -> Self {
        let turn = match turns {
            true => followed(&shares.of(0)[run.clone()], |k, before: Option<&f64>| {
                let now = turned(&old[run.start + k], &new[run.start + k]);
                before.map_or(now, |before| now + TAU * ((before - now) / TAU).round())
            }),
            false => vec![0.0; run.len()],
        };
        let mut local = vec![[Quat::IDENTITY; UNITS.len()]; run.len()];
        let mut whole: Vec<[Quat; UNITS.len()]> =
            turn.iter().map(|&turn| [about(turn); UNITS.len()]).collect();
        for (unit, bones) in UNITS.iter().enumerate() {
            let base: Vec<Quat> = whole.iter().map(|whole| whole[up(unit).unwrap_or(unit)]).collect();
            let rotations = followed(&shares.of(bones[0])[run.clone()], |k, before: Option<&Quat>| {
                let (t, back) = (run.start + k, base[k].inverse());
                let pairs =
                    bones.iter().map(|&joint| (bone(&old[t], joint), back.rotate(bone(&new[t], joint))));
                match before {
                    Some(before) => turning(pairs, *before),
                    None => (0..SETTLED).fold(Quat::IDENTITY, |before, _| turning(pairs.clone(), before)),
                }
            });
            for (k, &rotation) in rotations.iter().enumerate() {
                local[k][unit] = rotation;
                whole[k][unit] = base[k].after(rotation);
            }
        }
        Self { turn, local }
    }

    /// The pose in frame `k` of the run, with a share of the way for each bone, named by the joint it ends in.
    fn pose(&self, k: usize, old: &Pose, new: &Pose, share: impl Fn(usize) -> f64) -> Pose {
        let mut whole = [about(self.turn[k]); UNITS.len()];
        let mut part = [about(self.turn[k] * share(0)); UNITS.len()];
        for (unit, bones) in UNITS.iter().enumerate() {
            let (base, local) = (up(unit).unwrap_or(unit), self.local[k][unit]);
            part[unit] = part[base].after(local.part(share(bones[0])));
            whole[unit] = whole[base].after(local);
        }
        let mut pose = [mix(widen(old[0]), widen(new[0]), share(0)); JOINTS];
        for j in 1..JOINTS {
            let unit = UNIT_OF[j];
            let (a, b) = (bone(old, j), whole[unit].inverse().rotate(bone(new, j)));
            pose[j] = add(pose[PARENTS[j].unwrap_or(0)], part[unit].rotate(bent(a, b, share(j), unit)));
        }
        let stays = |j: usize| self.turn[k] == 0.0 && old[j] == new[j];
        std::array::from_fn(|j| if stays(j) { old[j] } else { narrow(pose[j]) })
    }
}

/// Rounds of [`turning`] from no rotation to one that another round would not change.
const SETTLED: usize = 40;

fn about(angle: f64) -> Quat {
    Quat::about([0.0, 1.0, 0.0], angle)
}

fn mix(a: Vec3d, b: Vec3d, share: f64) -> Vec3d {
    add(a, scale(sub(b, a), share))
}

/// A share of the way from one bone of a unit to another, apart from the unit's rotation. The bones of limbs and spine bend and keep their
/// length; those of pelvis and chest keep their shape together.
fn bent(a: Vec3d, b: Vec3d, share: f64, unit: usize) -> Vec3d {
    let between = mix(a, b, share);
    let length = norm(a) + share * (norm(b) - norm(a));
    match direction(between) {
        Some(along) if UNITS[unit].len() < 3 => scale(along, length),
        _ => between,
    }
}

/// The bone that ends in `joint`.
fn bone(pose: &Pose, joint: usize) -> Vec3d {
    PARENTS[joint].map_or([0.0; 3], |parent| sub(widen(pose[joint]), widen(pose[parent])))
}

/// The rotation that takes the bones of a unit from the first of each pair to the second, as near as may be to what it was `before`.
fn turning(pairs: impl Iterator<Item = (Vec3d, Vec3d)> + Clone, before: Quat) -> Quat {
    /// What the rotation before weighs, of what the bones do: it decides where they do not, about a straight limb.
    const BEFORE: f64 = 0.01;
    if let (1, Some((from, to))) = (pairs.clone().count(), pairs.clone().next()) {
        return Quat::between(before.rotate(from), to).after(before);
    }
    let size: f64 = pairs.clone().map(|(from, _)| dot(from, from)).sum();
    let side = (BEFORE * size).sqrt();
    let axes = [[side, 0.0, 0.0], [0.0, side, 0.0], [0.0, 0.0, side]];
    best_fit(pairs.chain(axes.map(|axis| (axis, before.rotate(axis))))).map_or(before, |fit| fit.near(before))
}

/// A value for each frame, of which these are the shares, each made from that of a neighbour: half way, where it says most, it is made
/// from none, and followed from there to both sides.
fn followed<T>(shares: &[f64], value: impl Fn(usize, Option<&T>) -> T) -> Vec<T> {
    let mut values: Vec<T> = Vec::with_capacity(shares.len());
    for piece in pieces(shares) {
        let off = |k: &usize| (shares[*k] - 0.5).abs();
        let (up, down) = (shares[piece.start] < 0.5, shares[piece.end - 1] < 0.5);
        let start = match up && down {
            // Up and down again in one go: the top is nearest to both halves.
            true => piece.clone().max_by(|a, b| shares[*a].total_cmp(&shares[*b])),
            false => piece.clone().min_by(|a, b| off(a).total_cmp(&off(b))),
        };
        let start = start.unwrap_or(piece.start);
        let mut before = vec![value(start, None)];
        for k in (piece.start..start).rev() {
            let next = value(k, before.last());
            before.push(next);
        }
        before.reverse();
        values.append(&mut before);
        for k in start + 1..piece.end {
            let next = value(k, values.last());
            values.push(next);
        }
    }
    values
}

/// These frames, cut in the middle of where all is new: there the way from old to new does not matter.
fn pieces(shares: &[f64]) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let (mut start, mut end) = (0, 0);
    for run in shares.chunk_by(|a, b| (*a >= 1.0) == (*b >= 1.0)) {
        let inside = end > 0 && end + run.len() < shares.len();
        if run[0] >= 1.0 && inside {
            let middle = end + run.len() / 2;
            pieces.push(start..middle);
            start = middle;
        }
        end += run.len();
    }
    if start < end {
        pieces.push(start..end);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::kinematics::tests::walk;
    use crate::motion::ramp::{Ramp, level};
    use crate::motion::skeleton::limbs;

    fn length(pose: &Pose, from: usize, to: usize) -> f64 {
        norm(sub(widen(pose[from]), widen(pose[to])))
    }

    /// `pose` with the left arm turned about an axis through the shoulder.
    fn turned_arm(pose: &Pose, axis: Vec3d, angle: f64) -> Pose {
        let (turn, shoulder) = (Quat::about(axis, angle), widen(pose[16]));
        let mut pose = *pose;
        for j in [18, 20] {
            pose[j] = narrow(add(shoulder, turn.rotate(sub(widen(pose[j]), shoulder))));
        }
        pose
    }

    #[test]
    fn units_are_every_bone_once_and_hang_on_earlier_ones() {
        let mut bones: Vec<usize> = UNITS.concat();
        bones.sort_unstable();
        assert_eq!(bones, (1..JOINTS).collect::<Vec<_>>());
        assert!((0..UNITS.len()).all(|unit| up(unit).is_none_or(|up| up < unit)));
        assert_eq!((up(0), up(11), up(3)), (None, Some(9), Some(1)));
    }

    #[test]
    fn limbs_that_are_held_another_way_swing_over() {
        let down = walk(1).positions[0];
        let up = turned_arm(&down, [0.0, 0.0, 1.0], 3.0);
        let shares: Vec<f64> = (0..21).map(|t| f64::from(t) / 20.0).collect();
        let poses = between(&[down; 21], &[up; 21], &Shares::even(shares), true);
        assert_eq!((poses[0], poses[20]), (down, up));
        for pair in poses.windows(2) {
            let step = norm(sub(widen(pair[1][20]), widen(pair[0][20])));
            assert!(step < 0.13, "evenly: {step}");
            for limb in limbs() {
                let was = length(&down, limb.from, limb.to);
                assert!((length(&pair[0], limb.from, limb.to) - was).abs() < 1e-5, "{limb:?}");
            }
            assert_eq!((pair[0][16], pair[0][21]), (down[16], down[21]));
        }
    }

    #[test]
    fn limbs_that_pass_the_opposite_direction_do_not_change_sides() {
        let down = walk(1).positions[0];
        let arm = direction(sub(widen(down[20]), widen(down[16]))).unwrap();
        let axis = direction(crate::motion::vector::cross(arm, [0.3, 0.1, 1.0])).unwrap();
        let new: Vec<Pose> = (0..61).map(|t| turned_arm(&down, axis, 2.0 + 0.05 * f64::from(t))).collect();
        let shares: Vec<f64> = (0..61).map(|t| level(f64::from(t), 60.0)).collect();
        let poses = between(&[down; 61], &new, &Shares::even(shares), true);
        for pair in poses.windows(2) {
            let step = norm(sub(widen(pair[1][20]), widen(pair[0][20])));
            assert!(step < 0.12, "{step}");
        }
    }

    #[test]
    fn a_half_turn_of_the_body_is_evenly_gone_through() {
        let old = walk(40).positions;
        let turn = Quat::about([0.0, 1.0, 0.0], 3.1);
        let new: Vec<Pose> = old.iter().map(|pose| pose.map(|p| narrow(turn.rotate(widen(p))))).collect();
        let shares = Shares::even(Ramp::around(40, &(30..40), 25).shares(40));
        let poses = between(&old, &new, &shares, true);
        assert_eq!((poses[0], poses[39]), (old[0], new[39]));
        let facing: Vec<f64> = poses.windows(2).map(|pair| turned(&pair[0], &pair[1]).abs()).collect();
        assert!(facing.iter().all(|&turn| turn < 0.25), "{facing:?}");
    }

    #[test]
    fn bodies_go_on_as_they_did() {
        let walk = walk(12).positions;
        let poses = onward(&walk[9], &walk[10], [0.0, 1.0, 2.0].into_iter());
        let off = |a: &Pose, b: &Pose| {
            a.iter().zip(b).map(|(a, b)| norm(sub(widen(*a), widen(*b)))).fold(0.0, f64::max)
        };
        assert!(off(&poses[0], &walk[9]) < 1e-6 && off(&poses[1], &walk[10]) < 1e-6);
        // As near as on straight lines, and bones keep their length.
        let straight: Pose = std::array::from_fn(|j| narrow(mix(widen(walk[9][j]), widen(walk[10][j]), 2.0)));
        assert!(off(&poses[2], &walk[11]) < 1.2 * off(&straight, &walk[11]), "{}", off(&poses[2], &walk[11]));
        for limb in limbs() {
            let [was, is] = [&walk[10], &poses[2]].map(|pose| length(pose, limb.from, limb.to));
            assert!((was - is).abs() < 1e-4, "{limb:?}");
        }
    }
}
