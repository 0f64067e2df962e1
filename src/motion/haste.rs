//! Joins without haste: a limb that has far to go from one motion to another takes its time.

use super::ramp::{End, Ramp};
use super::swing::{Shares, between};
use super::vector::{Vec3d, norm, sub, widen};
use super::{JOINTS, Pose};
use std::ops::Range;

/// How much faster than usual a joint may be at a join, and how much more its speed may change from frame to frame.
const LIMIT: f64 = 1.3;
/// What is usual at least: metres a frame, and metres a frame more in the next.
const LEAST: Haste = Haste { speed: 0.02, jump: 0.005 };
/// Frames by which a join is lengthened at a time.
const STRIDE: usize = 4;
/// Frames by which a join is lengthened at most: of the body, whose feet stand on the floor, and of arms.
const MOST: [usize; 2] = [24, 60];

/// A longer join is calmer by this factor at least, or it is not taken.
const WORTH_IT: f64 = 0.97;

/// Shares of `new` such that nobody has to hurry from `old` into it and back: those of `ramp` where that is slow enough, else a
/// longer join that begins where it did. First the body as a whole, then each arm on it.
///
/// What is usual is how fast people are where there is one motion alone. Where even the longest join is too hasty, the calmest
/// one is taken. `turns` as in [`between`].
pub fn unhurried(old: &[Pose], new: &[Pose], ramp: &Ramp, turns: bool) -> Shares {
    let frames = old.len().min(new.len());
    let mut shares = Shares::even(ramp.shares(frames));
    if ramp.is_firm() || shares.runs().is_empty() {
        return shares;
    }
    let usual = Haste::usual(old, new, &shares.body);
    let join = Join { old, new, ramp, usual, turns };
    let by = if turns {
        join.calmest(&BODY, [0; 2], MOST[0], &mut |slower| Shares::even(slower.shares(frames)))
    } else {
        [0; 2]
    };
    shares = Shares::even(join.slower(by).shares(frames));
    for (arm, joints) in ARMS.iter().enumerate() {
        let mut with = |slower: Ramp| {
            let mut shares = shares.clone();
            shares.arms[arm] = slower.shares(frames);
            shares
        };
        let by = join.calmest(joints, by, MOST[1], &mut with);
        shares = with(join.slower(by));
    }
    shares
}

/// All but the arms.
const BODY: [usize; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
/// Left and right.
const ARMS: [[usize; 3]; 2] = [[16, 18, 20], [17, 19, 21]];

/// Two motions that are to become one.
struct Join<'a> {
    old: &'a [Pose],
    new: &'a [Pose],
    ramp: &'a Ramp,
    usual: Haste,
    turns: bool,
}

impl Join<'_> {
    /// The ramp with joins that are longer by so many frames.
    fn slower(&self, by: [usize; 2]) -> Ramp {
        self.ramp.slower(End::Rise, by[0]).slower(End::Fall, by[1])
    }

    /// By how many frames, from `least` on, the joins have to be longer for these joints not to hurry.
    fn calmest(
        &self,
        joints: &[usize],
        least: [usize; 2],
        most: usize,
        with: &mut dyn FnMut(Ramp) -> Shares,
    ) -> [usize; 2] {
        // What is not there cannot be lengthened, only tried again and again.
        let there = [End::Rise, End::Fall].map(|end| self.ramp.has(end));
        let mut by = least;
        let mut best = (f64::INFINITY, by);
        loop {
            let (haste, at) = self.worst(joints, &with(self.slower(by)));
            if haste < WORTH_IT * best.0 {
                best = (haste, by);
            }
            let end = self.ramp.nearer(at).map_or(0, |end| end as usize);
            // The join that hurries, or else the other.
            let longer = [end, 1 - end].into_iter().find(|&end| there[end] && by[end] < most);
            match longer {
                Some(end) if haste > LIMIT => by[end] += STRIDE,
                _ => return best.1,
            }
        }
    }

    /// How many times as hasty as usual these joints are at most where there is something of both motions, and where.
    fn worst(&self, joints: &[usize], shares: &Shares) -> (f64, usize) {
        let mut worst = (0.0, 0);
        for run in shares.runs() {
            // Two frames more, to see what the speeds were before and are after.
            let seen = run.start.saturating_sub(2)..(run.end + 2).min(shares.body.len());
            let poses =
                between(&self.old[seen.clone()], &self.new[seen.clone()], &shares.cut(&seen), self.turns);
            let speeds = speeds(&poses, joints).map(|speed| speed / self.usual.speed).enumerate();
            let jumps = jumps(&poses, joints).map(|jump| jump / self.usual.jump).enumerate();
            for (k, times) in speeds.chain(jumps) {
                if times > worst.0 {
                    worst = (times, seen.start + k);
                }
            }
        }
        worst
    }
}

/// How fast the fastest joint is, metres a frame, and how much the velocity of a joint changes in the next frame, metres a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Haste {
    speed: f64,
    jump: f64,
}

impl Haste {
    /// What is usual in a clip: the 95th percentiles. What falls freely counts as usual.
    pub fn of(clip: &[Pose]) -> Self {
        let usual = |values: Vec<f64>, least: f64| usual(&values).max(least);
        Self {
            speed: usual(speeds(clip, &ALL).collect(), LEAST.speed),
            jump: usual(jumps(clip, &ALL).collect(), FALLING),
        }
    }

    /// So many times that.
    pub fn times(self, times: f64) -> Self {
        Self { speed: times * self.speed, jump: times * self.jump }
    }

    /// The 95th percentiles where there is one motion alone, [`LEAST`] at least.
    fn usual(old: &[Pose], new: &[Pose], shares: &[f64]) -> Self {
        let alone = |poses: &[Pose], share: f64| -> [Vec<f64>; 2] {
            let mut start = 0;
            let mut seen = [Vec::new(), Vec::new()];
            for run in shares.chunk_by(|a, b| (*a == share) == (*b == share)) {
                let frames: Range<usize> = start..start + run.len();
                start = frames.end;
                if run[0] == share {
                    seen[0].extend(speeds(&poses[frames.clone()], &ALL));
                    seen[1].extend(jumps(&poses[frames], &ALL));
                }
            }
            seen
        };
        let (old, new) = (alone(old, 0.0), alone(new, 1.0));
        let usual = |k: usize, least: f64| usual(&[&old[k][..], &new[k][..]].concat()).max(least);
        Self { speed: usual(0, LEAST.speed), jump: usual(1, LEAST.jump) }
    }
}

/// A joint that is more hasty than is bearable.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Leap {
    /// The frame at which it changes its velocity, or from which it is too fast.
    pub frame: usize,
    /// Which.
    pub joint: usize,
    /// How many times as hasty as is bearable.
    pub times: f64,
}

/// Joints that are more hasty than is `bearable` where frames `may` change, or beside them.
pub(super) fn leaps(clip: &[Pose], bearable: &Haste, may: &[bool]) -> Vec<Leap> {
    let mut leaps = Vec::new();
    for frame in (1..clip.len().saturating_sub(1)).filter(|&t| may[t - 1] || may[t] || may[t + 1]) {
        for joint in 0..JOINTS {
            let into = step(&clip[frame - 1], &clip[frame], joint);
            let out = step(&clip[frame], &clip[frame + 1], joint);
            let times = (norm(sub(out, into)) / bearable.jump).max(norm(out) / bearable.speed);
            if times > 1.0 {
                leaps.push(Leap { frame, joint, times });
            }
        }
    }
    leaps
}

/// How one person passes a join: what is greatest there, as a multiple of the 95th percentile of the whole clip.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Passing {
    /// How far the fastest joint goes in a frame.
    pub speed: f64,
    /// How much the velocity of a joint changes from a frame to the next. What falls freely counts as usual.
    pub jump: f64,
}

/// Metres a frame more in each frame: 9.81 m/s² at 30 frames a second.
const FALLING: f64 = 9.81 / 900.0;

/// What differs by so little from a frame to the next is what it was, metres a frame.
const SAME: f64 = 0.002;

impl Passing {
    /// In the frames of `join`, with the steps into it. In a clip that stands still the speed is 0.
    pub fn of(clip: &[Pose], join: Range<usize>) -> Self {
        Self::beyond(clip, &[], join)
    }

    /// The same, without what the clip did there `before` it was edited: a join answers for what it makes or leaves of new motion, not
    /// for a wave that was there already. Frames beyond the end of `before` are new.
    pub fn beyond(clip: &[Pose], before: &[Pose], join: Range<usize>) -> Self {
        let times = |of: fn(&[Pose], usize, usize) -> Option<Vec3d>, reach: usize, least: f64| {
            let of_joint = |t: usize, joint: usize| of(clip, t, joint).map_or(0.0, norm);
            let fastest = |t: usize| ALL.iter().map(|&j| of_joint(t, j)).fold(0.0, f64::max);
            let values: Vec<f64> = (0..clip.len().saturating_sub(reach)).map(fastest).collect();
            let there = join.start.saturating_sub(reach)..join.end.min(values.len());
            let was = |t: usize, joint: usize| match (of(clip, t, joint), of(before, t, joint)) {
                (Some(now), Some(was)) => norm(sub(now, was)) < SAME,
                _ => false,
            };
            let new = there.flat_map(|t| ALL.iter().map(move |&j| (t, j))).filter(|&(t, j)| !was(t, j));
            let greatest = new.map(|(t, j)| of_joint(t, j)).fold(0.0, f64::max);
            let usual = usual(&values).max(least);
            if usual > 0.0 { greatest / usual } else { 0.0 }
        };
        Self { speed: times(speed, 1, 0.0), jump: times(jump, 2, FALLING) }
    }
}

/// How far a joint goes from a frame to the next, where there are both.
fn speed(clip: &[Pose], frame: usize, joint: usize) -> Option<Vec3d> {
    Some(step(clip.get(frame)?, clip.get(frame + 1)?, joint))
}

/// How much that changes in the frame after.
fn jump(clip: &[Pose], frame: usize, joint: usize) -> Option<Vec3d> {
    Some(sub(speed(clip, frame + 1, joint)?, speed(clip, frame, joint)?))
}

/// Every joint.
const ALL: [usize; JOINTS] = {
    let mut all = [0; JOINTS];
    let mut j = 0;
    while j < JOINTS {
        all[j] = j;
        j += 1;
    }
    all
};

/// The 95th percentile; 0 of none.
fn usual(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() * 95 / 100).copied().unwrap_or(0.0)
}

/// How far the fastest of some joints goes from each frame to the next, metres.
fn speeds<'a>(poses: &'a [Pose], joints: &'a [usize]) -> impl Iterator<Item = f64> + 'a {
    poses.windows(2).map(|two| fastest(joints, |j| step(&two[0], &two[1], j)))
}

/// How much that changes for one of them from each step to the next, metres a frame.
fn jumps<'a>(poses: &'a [Pose], joints: &'a [usize]) -> impl Iterator<Item = f64> + 'a {
    poses
        .windows(3)
        .map(|three| fastest(joints, |j| sub(step(&three[1], &three[2], j), step(&three[0], &three[1], j))))
}

fn fastest(joints: &[usize], of: impl Fn(usize) -> Vec3d) -> f64 {
    joints.iter().map(|&j| norm(of(j))).fold(0.0, f64::max)
}

fn step(from: &Pose, to: &Pose, joint: usize) -> Vec3d {
    sub(widen(to[joint]), widen(from[joint]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steady at 2 cm a frame, but for one step of `leap` metres from frame 50 to 51.
    fn steady(leap: f32) -> Vec<Pose> {
        let at = |t: usize| 0.02 * t as f32 + if t > 50 { leap - 0.02 } else { 0.0 };
        (0..100).map(|t| [[at(t), 0.0, 0.0]; JOINTS]).collect()
    }

    #[test]
    fn a_leap_counts_where_it_is() {
        let clip = steady(0.06);
        let Passing { speed, jump } = Passing::of(&clip, 45..55);
        assert!((speed - 3.0).abs() < 1e-3 && (jump - 0.04 / FALLING).abs() < 1e-3, "{speed} {jump}");
        assert!(
            (Passing::of(&clip, 51..60).speed - 3.0).abs() < 1e-3,
            "the step into the first frame is of the join"
        );
        let Passing { speed, jump } = Passing::of(&clip, 20..40);
        assert!((speed - 1.0).abs() < 1e-3 && jump < 1e-3, "{speed} {jump}");
        assert_eq!(Passing::of(&[[[0.0; 3]; JOINTS]; 9], 2..4), Passing { speed: 0.0, jump: 0.0 });
    }

    #[test]
    fn what_was_there_before_is_not_of_the_join() {
        let clip = steady(0.06);
        let of_join = |before: &[Pose]| Passing::beyond(&clip, before, 45..55);
        let Passing { speed, jump } = of_join(&clip);
        assert_eq!((speed, jump), (0.0, 0.0));
        // A leap another way, a shorter one, and one in frames that were not there.
        assert!((of_join(&steady(-0.06)).speed - 3.0).abs() < 1e-3);
        assert!((of_join(&steady(0.05)).speed - 3.0).abs() < 1e-3);
        assert!((of_join(&clip[..51]).speed - 3.0).abs() < 1e-3);
    }

    #[test]
    fn who_has_far_to_go_takes_longer_and_who_has_not_does_not() {
        let stand: Vec<Pose> = steady(0.02);
        let mut far = stand.clone();
        far.iter_mut().for_each(|pose| [18, 20].into_iter().for_each(|j| pose[j][1] += 0.8));
        let ramp = Ramp::around(100, &(40..100), 5);
        let shares = unhurried(&stand, &far, &ramp, true);
        let all_new = |shares: &[f64]| shares.iter().position(|&share| share >= 1.0).unwrap();
        assert_eq!((all_new(&shares.body), all_new(&shares.arms[1])), (40, 40));
        assert!(all_new(&shares.arms[0]) > 50, "{}", all_new(&shares.arms[0]));
        assert_eq!(shares.arms[0][..35], [0.0; 35]);
        assert_eq!(unhurried(&stand, &far, &ramp.firm(), true), Shares::even(ramp.shares(100)));
    }

    #[test]
    fn a_join_that_is_not_there_is_not_lengthened() {
        let stand = steady(0.02);
        let mut far = stand.clone();
        far.iter_mut().for_each(|pose| pose[20][1] += 50.0);
        let ramp = Ramp::around(100, &(40..100), 5);
        let usual = Haste::usual(&stand, &far, &ramp.shares(100));
        let join = Join { old: &stand, new: &far, ramp: &ramp, usual, turns: true };
        let mut tried = 0;
        let by = join.calmest(&[20], [0; 2], MOST[0], &mut |slower| {
            tried += 1;
            Shares::even(slower.shares(100))
        });
        assert_eq!((tried, by[1]), (1 + MOST[0] / STRIDE, 0), "hasty however long it takes");
    }
}
