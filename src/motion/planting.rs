//! Feet that stand still while they stand, eased in and out. Ours, not upstream's ([`super::foot_fix`]): that one puts a foot at the
//! mean place of each contact and takes it there and back within five frames. Where a model lets feet glide for half a metre, those
//! are leaps.

use super::contact::{self, ContactRule, Contacts, FEET};
use super::foot_fix::floor_height;
use super::gait;
use super::moves::{KNOWN, Moves, Wishes};
use super::smooth::{RADIUS, smooth_through};
use super::vector::{dot, sub, widen};
use super::{JOINTS, Pose};

/// How firmly a foot that stands is held, against how far that takes it from where it was: it gives way to what glides on for longer than
/// the root of this, in frames. Measured on decoded clips: with a third of it feet slide a third more, with three times as much
/// legs are pulled straight.
const STILL: f64 = 20_000.0;
/// How softly joints are moved: within the fourth root of this, in frames, either way. With a quarter of it some joins leap.
const SOFT: f64 = 4_000.0;

/// How firmly a foot is held that surely bears who walks, and glides all the same, as a share of [`STILL`].
const GLIDING: f64 = 0.5;

/// A motion whose feet are to be planted, and what of it is planted already.
#[derive(Clone, Copy, Debug)]
pub struct Planting<'a> {
    /// The motion without planted feet, y up, metres.
    pub poses: &'a [Pose],
    /// How high its floor is, metres.
    pub floor: f32,
    /// The same frames, on a floor at y = 0 and planted before, where they stay as they are. One for each frame, or none at all.
    pub stays: &'a [Option<Pose>],
}

impl<'a> Planting<'a> {
    /// All of a motion, with the floor that [`floor_height`] sees.
    pub fn of(poses: &'a [Pose]) -> Self {
        Self { poses, floor: floor_height(poses), stays: &[] }
    }

    /// The pose of a frame that stays as it is.
    pub fn staying(&self, t: usize) -> Option<&'a Pose> {
        self.stays.get(t).and_then(Option::as_ref)
    }

    /// The motion on the floor with planted feet, smoothed, and the contacts of the four foot joints in each frame.
    ///
    /// Joints go where a sum of squares is least: how far they are moved, how abruptly that changes, and how far a foot goes while it is in
    /// contact or bears who walks. So a contact holds a foot that drifts, and what moves it begins and ends as softly as there is time
    /// for, also where it goes on from frames that stay. A foot that swings past one that stands is lifted over the floor.
    pub fn planted(&self) -> (Vec<Pose>, Vec<Contacts>) {
        let mut poses = self.poses.to_vec();
        poses.iter_mut().flatten().for_each(|p| p[1] -= self.floor);
        let mut contacts = contact::detect_all(&poses, &ContactRule::default());
        let bearing = gait::bearing(&poses);
        for (contacts, bearing) in contacts.iter_mut().zip(&bearing) {
            contacts.iter_mut().zip(bearing).for_each(|(contact, surely)| *contact |= *surely > 0.0);
        }
        (0..JOINTS).for_each(|joint| self.plant(joint, &mut poses, &contacts, &bearing));
        let lifts = gait::lifts(&poses, &contacts);
        for ((pose, lift), away) in poses.iter_mut().zip(lifts).zip(self.away(RADIUS)) {
            FEET.iter().enumerate().for_each(|(k, &joint)| pose[joint][1] += away * lift[k / 2]);
        }
        let smoothed = smooth_through(&poses);
        for (t, away) in self.away(RADIUS).into_iter().enumerate() {
            let numbers = poses[t].iter_mut().flatten().zip(smoothed[t].iter().flatten());
            numbers.for_each(|(now, smooth)| *now += away * (smooth - *now));
        }
        (poses, contacts)
    }

    fn plant(&self, joint: usize, poses: &mut [Pose], contacts: &[Contacts], bearing: &[[f64; 4]]) {
        let foot = FEET.iter().position(|&foot| foot == joint);
        // A foot that comes flying out of what stays is not stopped within a frame.
        let held = |t: usize| foot.is_some_and(|k| contacts[t][k]) && self.staying(t).is_none();
        let firm = |t: usize| {
            let surely = foot.map_or(0.0, |k| bearing[t - 1][k]);
            firmness(&poses[t - 1], &poses[t], joint).max(GLIDING * surely)
        };
        let wishes = Wishes {
            known: (0..poses.len()).map(|t| self.staying(t).map_or(0.0, |_| KNOWN)).collect(),
            still: (1..poses.len())
                .map(|t| if held(t - 1) && held(t) { STILL * firm(t) } else { 0.0 })
                .collect(),
            soft: SOFT,
            calm: Vec::new(),
        };
        if wishes.known.iter().chain(&wishes.still).all(|&weight| weight == 0.0) {
            return;
        }
        let moves = Moves::new(poses.len(), wishes);
        for axis in 0..3 {
            let path: Vec<f64> = poses.iter().map(|pose| f64::from(pose[joint][axis])).collect();
            let known = |t: usize| self.staying(t).map_or(0.0, |pose| f64::from(pose[joint][axis]) - path[t]);
            let by = moves.along(&path, known);
            poses.iter_mut().zip(by).for_each(|(pose, by)| pose[joint][axis] += by as f32);
        }
    }

    /// For each frame how far it is from frames that stay: 0 in those, 1 from `reach` frames away.
    fn away(&self, reach: usize) -> Vec<f32> {
        let count = |frames: &mut dyn Iterator<Item = usize>| -> Vec<usize> {
            let mut since = reach;
            let mut next = |t: usize| {
                since = if self.staying(t).is_some() { 0 } else { (since + 1).min(reach) };
                since
            };
            frames.map(&mut next).collect()
        };
        let (after, mut before) =
            (count(&mut (0..self.poses.len())), count(&mut (0..self.poses.len()).rev()));
        before.reverse();
        after.iter().zip(&before).map(|(a, b)| *a.min(b) as f32 / reach as f32).collect()
    }
}

/// How much like standing a step of a foot in contact is: less and less, the nearer it is to what is none any more.
fn firmness(from: &Pose, to: &Pose, joint: usize) -> f64 {
    let step = sub(widen(to[joint]), widen(from[joint]));
    (1.0 - dot(step, step) / ContactRule::default().step_squared).max(0.0).powi(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::kinematics::tests::walk;
    use crate::motion::vector::norm;

    /// A right foot that glides at `pace` metres a frame while it stands, from frame 20 to 40 of 90; all else stands.
    fn gliding(pace: f32) -> Vec<Pose> {
        let stand = walk(1).positions[0];
        let lowest = FEET.map(|j| stand[j][1]).into_iter().fold(f32::INFINITY, f32::min);
        let pose = |t: usize| {
            let mut pose = stand.map(|[x, y, z]| [x, y - lowest, z]);
            [8, 11].iter().for_each(|&j| pose[j][2] += pace * t.clamp(20, 40) as f32);
            pose
        };
        (0..90).map(pose).collect()
    }

    fn step(poses: &[Pose], t: usize, joint: usize) -> f64 {
        norm(sub(widen(poses[t + 1][joint]), widen(poses[t][joint])))
    }

    #[test]
    fn a_foot_that_glides_is_held_and_one_that_flies_is_not() {
        let (planted, contacts) = Planting::of(&gliding(0.01)).planted();
        assert!(contacts[30][3] && step(&planted, 30, 11) < 0.002, "{}", step(&planted, 30, 11));
        let flying = gliding(0.2);
        let (planted, contacts) = Planting::of(&flying).planted();
        assert!(!contacts[30][3] && step(&planted, 30, 11) > 0.19, "{}", step(&planted, 30, 11));
        assert_eq!(planted[30][20][0], flying[30][20][0], "a hand is no foot");
    }

    #[test]
    fn a_walker_is_borne_by_the_foot_that_falls_behind_and_the_other_one_clears_it() {
        // At 1.2 m/s; the left foot glides along at nine tenths of that, faster than a contact, the right one drags past it.
        let stand = gliding(0.0)[0];
        let going = |pace: [f32; 2]| -> Vec<Pose> {
            let pose = |t: usize| {
                let way = 0.04 * t as f32;
                let mut pose = stand.map(|[x, y, z]| [x, y, z + way]);
                FEET.iter().enumerate().for_each(|(k, &j)| pose[j][2] = stand[j][2] + pace[k / 2] * way);
                pose
            };
            (0..16).map(pose).collect()
        };
        let walk = going([0.9, 1.3]);
        let (planted, contacts) = Planting::of(&walk).planted();
        assert!(contacts[8][1..] == [true, false, false], "{:?}", contacts[8]);
        assert!(step(&walk, 8, 10) > 0.035 && step(&planted, 8, 10) < 0.005, "{}", step(&planted, 8, 10));
        let above = planted[8][11][1] - planted[8][10][1];
        assert!(above > 0.025, "{above}");
        let (planted, contacts) = Planting::of(&going([1.0, 1.0])).planted();
        assert!(contacts[8] == [false; 4] && step(&planted, 8, 10) > 0.039, "who does not step is not held");
    }

    #[test]
    fn what_stays_stays_and_what_follows_leaves_it_softly() {
        // Planted half a metre beside where the motion goes on.
        let poses = gliding(0.0);
        let beside = |t: usize| (t < 30).then(|| poses[t].map(|[x, y, z]| [x + 0.5, y, z]));
        let stays: Vec<Option<Pose>> = (0..90).map(beside).collect();
        let (planted, _) = Planting { poses: &poses, floor: 0.0, stays: &stays }.planted();
        for joint in [0, 15, 20] {
            assert!((0..30).all(|t| (planted[t][joint][0] - poses[t][joint][0] - 0.5).abs() < 1e-4));
            assert!((planted[89][joint][0] - poses[89][joint][0]).abs() < 0.02);
            assert!(step(&planted, 29, joint) < 0.01, "{}", step(&planted, 29, joint));
            assert!((30..89).all(|t| step(&planted, t, joint) < 0.06));
        }
    }
}
