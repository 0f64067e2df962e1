//! What can be done to one person's track: turn, mirror, repeat, join, stop, bend. Bones keep their length.

use super::scene::Track;
use crate::data::capture::{Joints, play_at, pose_at};
use crate::motion::JOINTS;
use crate::motion::skeleton::{MIRRORED, PARENTS};

/// Joints that count more where tracks are laid onto each other: ankles and toes, which should not slide.
const PLANTED: [usize; 4] = [7, 8, 10, 11];

/// Where a pose faces: angle from +z toward +x (the person's left), radians.
pub fn facing(pose: &Joints) -> f64 {
    let across = [pose[1][0] - pose[2][0], pose[1][2] - pose[2][2]];
    (-across[1]).atan2(across[0])
}

/// Mean of [`facing`] over a track.
pub fn mean_facing(track: &[Joints]) -> f64 {
    let (sin, cos) =
        track.iter().map(facing).fold((0.0, 0.0), |(s, c), angle| (s + angle.sin(), c + angle.cos()));
    sin.atan2(cos)
}

/// How far apart the ankles are on the floor, metres.
pub fn stance(pose: &Joints) -> f64 {
    (pose[7][0] - pose[8][0]).hypot(pose[7][2] - pose[8][2])
}

/// Turn about the vertical through the origin: +z goes toward +x.
pub fn turn(track: &mut [Joints], angle: f64) {
    let (sin, cos) = angle.sin_cos();
    for joint in track.iter_mut().flatten() {
        let [x, _, z] = *joint;
        (joint[0], joint[2]) = (x * cos + z * sin, z * cos - x * sin);
    }
}

/// Move along x and z, metres.
pub fn shift(track: &mut [Joints], [x, z]: [f64; 2]) {
    for joint in track.iter_mut().flatten() {
        joint[0] += x;
        joint[2] += z;
    }
}

/// In the mirror: x becomes −x, and left changes places with right.
pub fn mirror(track: &[Joints]) -> Track {
    let reflect = |[x, y, z]: [f64; 3]| [-x, y, z];
    track.iter().map(|pose| std::array::from_fn(|joint| reflect(pose[MIRRORED[joint]]))).collect()
}

/// Forward, backward, forward again, until it has `frames`, from frame `from` on: for waiting, which looks the same both ways.
pub fn to_and_fro(track: &[Joints], from: usize, frames: usize) -> Track {
    let last = track.len().saturating_sub(1).max(1);
    (0..frames)
        .map(|frame| {
            let at = (from + frame) % (2 * last);
            track[(if at > last { 2 * last - at } else { at }).min(track.len() - 1)]
        })
        .collect()
}

/// A turn about the vertical and a shift.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Laying {
    angle: f64,
    shift: [f64; 2],
}

/// How to lay `b` onto `a` frame by frame (least squares over x and z, feet counting more), and how far apart they stay: root
/// mean square over all joints, and over the feet, metres.
fn lay(a: &[Joints], b: &[Joints]) -> (Laying, f64, f64) {
    let weight = |joint: usize| if PLANTED.contains(&joint) { 4.0 } else { 1.0 };
    let pairs = || {
        a.iter()
            .zip(b)
            .flat_map(|(a, b)| (0..JOINTS).map(move |joint| (a[joint], b[joint], weight(joint), joint)))
    };
    let mut centres = [[0.0; 2]; 2];
    let mut total = 0.0;
    for (p, q, w, _) in pairs() {
        for (centre, joint) in centres.iter_mut().zip([p, q]) {
            centre[0] += w * joint[0];
            centre[1] += w * joint[2];
        }
        total += w;
    }
    let [ca, cb] = centres.map(|centre| centre.map(|sum: f64| sum / total));
    let (mut sin, mut cos) = (0.0, 0.0);
    for (p, q, w, _) in pairs() {
        let (px, pz, qx, qz) = (p[0] - ca[0], p[2] - ca[1], q[0] - cb[0], q[2] - cb[1]);
        cos += w * (px * qx + pz * qz);
        sin += w * (px * qz - pz * qx);
    }
    let angle = sin.atan2(cos);
    let (s, c) = angle.sin_cos();
    let shift = [ca[0] - (cb[0] * c + cb[1] * s), ca[1] - (cb[1] * c - cb[0] * s)];
    let (mut all, mut feet, mut feet_count) = (0.0, 0.0, 0.0);
    let mut count = 0.0;
    for (p, q, _, joint) in pairs() {
        let laid = [q[0] * c + q[2] * s + shift[0], q[1], q[2] * c - q[0] * s + shift[1]];
        let square: f64 = (0..3).map(|i| (laid[i] - p[i]).powi(2)).sum();
        all += square;
        count += 1.0;
        if PLANTED.contains(&joint) {
            feet += square;
            feet_count += 1.0;
        }
    }
    let root = |sum: f64, count: f64| if count > 0.0 { (sum / count).sqrt() } else { 0.0 };
    (Laying { angle, shift }, root(all, count), root(feet, feet_count))
}

/// How badly two tracks would join over `overlap` frames: mean distance of joints and of feet, metres.
pub fn mismatch(a: &[Joints], b: &[Joints], overlap: usize) -> (f64, f64) {
    let n = overlap.min(a.len()).min(b.len());
    let (_, all, feet) = lay(&a[a.len() - n..], &b[..n]);
    (all, feet)
}

/// `a`, then `b` laid onto its end: the last `overlap` frames of `a` give way to the first of `b`.
pub fn join(a: &[Joints], b: &[Joints], overlap: usize) -> Track {
    let n = overlap.min(a.len()).min(b.len());
    let (laying, ..) = lay(&a[a.len() - n..], &b[..n]);
    let mut b = b.to_vec();
    turn(&mut b, laying.angle);
    shift(&mut b, laying.shift);
    let mut out = a[..a.len() - n].to_vec();
    for (i, (from, to)) in a[a.len() - n..].iter().zip(&b).enumerate() {
        let t = (i as f64 + 1.0) / (n as f64 + 1.0);
        out.push(between(from, to, t * t * (3.0 - 2.0 * t)));
    }
    out.extend_from_slice(&b[n..]);
    out
}

/// [`join`], with `b` left where it is and `a` laid onto its beginning.
pub fn join_before(a: &[Joints], b: &[Joints], overlap: usize) -> Track {
    let n = overlap.min(a.len()).min(b.len());
    let (laying, ..) = lay(&a[a.len() - n..], &b[..n]);
    let mut out = join(a, b, overlap);
    shift(&mut out, laying.shift.map(|metres| -metres));
    turn(&mut out, -laying.angle);
    out
}

/// A pose on the way between two: the pelvis on the straight line, each bone on the shortest arc, at its own length.
pub fn between(a: &Joints, b: &Joints, t: f64) -> Joints {
    let mut out = *a;
    for joint in 0..JOINTS {
        let Some(parent) = PARENTS[joint] else {
            out[joint] = std::array::from_fn(|i| a[joint][i] + t * (b[joint][i] - a[joint][i]));
            continue;
        };
        let bone = |pose: &Joints| -> [f64; 3] { std::array::from_fn(|i| pose[joint][i] - pose[parent][i]) };
        let length = |v: [f64; 3]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
        let (p, q) = (bone(a), bone(b));
        let (lp, lq) = (length(p), length(q));
        let cos = (p.iter().zip(&q).map(|(x, y)| x * y).sum::<f64>() / (lp * lq).max(1e-12)).clamp(-1.0, 1.0);
        let angle = cos.acos();
        let (u, v) = if angle.sin() > 1e-3 {
            (((1.0 - t) * angle).sin() / angle.sin(), (t * angle).sin() / angle.sin())
        } else {
            (1.0 - t, t)
        };
        let mixed: [f64; 3] = std::array::from_fn(|i| u * p[i] / lp.max(1e-12) + v * q[i] / lq.max(1e-12));
        let size = ((1.0 - t) * lp + t * lq) / length(mixed).max(1e-12);
        out[joint] = std::array::from_fn(|i| out[parent][i] + size * mixed[i]);
    }
    out
}

/// The motion repeated from where it is most like its own beginning, until it has `frames`; as it is where it is long enough.
pub fn repeat(track: &[Joints], frames: usize, overlap: usize) -> Track {
    if track.len() >= frames || track.len() < 3 * overlap {
        return track.to_vec();
    }
    // The end of the loop in the last third, its beginning in the first.
    let third = (track.len() / 3).max(overlap);
    let mut best = (f64::INFINITY, 0, track.len());
    for from in (0..third).step_by(2) {
        for to in (track.len() - third..=track.len()).rev().step_by(2) {
            if to < from + 2 * overlap {
                continue;
            }
            let (all, feet) = mismatch(&track[..to], &track[from..], overlap);
            if all + feet < best.0 {
                best = (all + feet, from, to);
            }
        }
    }
    let (_, from, to) = best;
    let mut out = track[..to].to_vec();
    while out.len() < frames {
        let before = out.len();
        out = join(&out, &track[from..to], overlap);
        if out.len() <= before {
            break;
        }
    }
    out.truncate(frames);
    out
}

/// The last `frames` frames slowed down evenly to `end` of the speed (where time stretches them), or the first ones sped up
/// where `start`.
pub fn ease(track: &[Joints], frames: usize, end: f64, start: bool) -> Track {
    let last = track.len().saturating_sub(1);
    let span = frames.min(last) as f64;
    let mut times = Vec::new();
    // From the slow end towards the middle.
    let mut way = 0.0;
    while way < span {
        times.push(way);
        way += end + (1.0 - end) * (way / span.max(1.0)).min(1.0);
    }
    let mut at = way;
    while at <= last as f64 {
        times.push(at);
        at += 1.0;
    }
    if start {
        times.into_iter().map(|time| pose_at(track, time)).collect()
    } else {
        times.into_iter().rev().map(|time| pose_at(track, last as f64 - time)).collect()
    }
}

/// Played `speed` times as fast.
pub fn pace(track: &[Joints], speed: f64) -> Track {
    play_at(track, speed)
}

/// A path along +z bent into a circle of `radius` metres, to the left where positive. Every joint follows by its own distance
/// along the path, so that planted feet stay planted; bones then get back their length.
pub fn bend(track: &[Joints], radius: f64) -> Track {
    track
        .iter()
        .map(|pose| {
            let bent = pose.map(|[x, y, z]| {
                let (sin, cos) = (z / radius).sin_cos();
                [radius - (radius - x) * cos, y, (radius - x) * sin]
            });
            with_bones_of(pose, &bent)
        })
        .collect()
}

/// The directions of one pose with the bone lengths of another.
fn with_bones_of(lengths: &Joints, directions: &Joints) -> Joints {
    let mut out = *directions;
    for joint in 0..JOINTS {
        let Some(parent) = PARENTS[joint] else { continue };
        let bone = |pose: &Joints| -> [f64; 3] { std::array::from_fn(|i| pose[joint][i] - pose[parent][i]) };
        let length = |v: [f64; 3]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
        let direction = bone(directions);
        let size = length(bone(lengths)) / length(direction).max(1e-12);
        out[joint] = std::array::from_fn(|i| out[parent][i] + size * direction[i]);
    }
    out
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::motion::kinematics::tests::walk;

    /// A made-up walk along +z.
    pub(crate) fn stroll(frames: usize) -> Track {
        walk(frames).positions.iter().map(|pose| pose.map(|joint| joint.map(f64::from))).collect()
    }

    pub(crate) fn lengths(pose: &Joints) -> Vec<f64> {
        (1..JOINTS)
            .map(|joint| {
                let parent = PARENTS[joint].unwrap();
                (0..3).map(|i| (pose[joint][i] - pose[parent][i]).powi(2)).sum::<f64>().sqrt()
            })
            .collect()
    }

    fn same_bones(track: &[Joints], as_in: &Joints, within: f64) {
        for pose in track {
            for (a, b) in lengths(pose).iter().zip(lengths(as_in)) {
                assert!((a - b).abs() < within, "{a} {b}");
            }
        }
    }

    #[test]
    fn a_track_laid_elsewhere_joins_without_a_trace() {
        let whole = stroll(80);
        let mut rest = whole[30..].to_vec();
        turn(&mut rest, 1.1);
        shift(&mut rest, [3.0, -2.0]);
        let joined = join(&whole[..40], &rest, 10);
        assert_eq!(joined.len(), whole.len());
        for (a, b) in joined.iter().flatten().flatten().zip(whole.iter().flatten().flatten()) {
            assert!((a - b).abs() < 1e-6);
        }
        assert!(mismatch(&whole[..40], &rest, 10).0 < 1e-6);
    }

    #[test]
    fn joins_repeats_and_bends_keep_the_bones() {
        let track = stroll(60);
        same_bones(&join(&track[..30], &mirror(&track)[..40], 12), &track[0], 1e-5);
        let long = repeat(&track, 200, 9);
        assert_eq!(long.len(), 200);
        same_bones(&long, &track[0], 1e-5);
        same_bones(&bend(&track, 1.5), &track[0], 1e-5);
    }

    #[test]
    fn left_is_left_of_the_front_and_mirrors() {
        let mut track = stroll(3);
        let front = facing(&track[0]);
        turn(&mut track, 0.5);
        assert!((facing(&track[0]) - front - 0.5).abs() < 1e-9);
        assert!((facing(&mirror(&track)[0]) + front + 0.5).abs() < 1e-9);
        let bent = bend(
            &(0..100).map(|i| track[0].map(|[x, y, z]| [x, y, z + 0.02 * f64::from(i)])).collect::<Vec<_>>(),
            2.0,
        );
        assert!(bent[99][0][0] > bent[0][0][0] + 0.2, "a bend to the left goes to +x");
    }

    #[test]
    fn waiting_goes_to_and_fro_and_a_walk_comes_to_rest() {
        let track = stroll(10);
        let waiting = to_and_fro(&track, 4, 50);
        assert_eq!(waiting.len(), 50);
        assert!(waiting.windows(2).all(|w| (w[1][0][2] - w[0][0][2]).abs() < 0.05));
        let eased = ease(&stroll(60), 30, 0.2, false);
        let step = |at: usize| eased[at + 1][0][2] - eased[at][0][2];
        assert!(eased.len() > 60 && step(eased.len() - 2) < 0.4 * step(5));
    }
}
