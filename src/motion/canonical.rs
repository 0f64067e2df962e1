//! Canonicalisation of one person and placement of the second (InterMask spec §1.2, §1.3).

use super::contact::ContactRule;
use super::rotation::Quat;
use super::vector::{add, cross, narrow, sub, unit, widen};
use super::{Features, Person, Pose, RawPerson, Vec3, frame};
use crate::error::{Error, Result};

/// Indices of the hips whose difference, right minus left, says where a person faces.
const RIGHT_HIP: usize = 2;
const LEFT_HIP: usize = 1;

/// One person at the origin of the floor, facing +z in frame 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Canonical {
    /// T−1 frames of 262 numbers, not normalised.
    pub features: Features,
    /// The rotation that was applied, upstream's `root_quat_init`.
    pub turn: Quat,
    /// Where the frame-0 pelvis stood on the floor before, (x, 0, z) in metres, upstream's `root_pos_init`.
    pub origin: Vec3,
}

/// Two persons in the first one's canonical frame.
#[derive(Clone, Debug, PartialEq)]
pub struct CanonicalPair {
    /// Each person canonicalised alone.
    pub alone: [Canonical; 2],
    /// Person 1 as alone; person 2 relative to person 1.
    pub features: [Features; 2],
}

/// Canonicalise one raw person of T frames into T−1 (InterMask spec §1.2).
///
/// y up; floor at the lowest joint of the clip; frame-0 pelvis above the origin; frame-0 facing +z. Upstream subtracts the
/// floor in f32, the pelvis in f64 and rotates in f32; here everything after the floor is f64, rounded once at the end.
///
/// # Errors
/// `motion_too_short` below two frames, `motion_not_finite`, and `motion_without_facing` where the hips of frame 0 coincide
/// or stand one above the other, so that no direction is forward (upstream yields NaN).
pub fn canonicalise(raw: &RawPerson, rule: &ContactRule) -> Result<Canonical> {
    let Person { mut positions, rotations } = raw.to_y_up();
    if !positions.iter().flatten().flatten().all(|v| v.is_finite()) {
        return Err(Error::invalid("motion_not_finite", "the motion holds a position that is not finite"));
    }
    let floor = positions.iter().flatten().map(|p| p[1]).fold(f32::INFINITY, f32::min);
    positions.iter_mut().flatten().for_each(|p| p[1] -= floor);

    let Some(first) = positions.first() else {
        return Err(Error::invalid("motion_too_short", "the motion has no frames"));
    };
    let origin = [first[0][0], 0.0, first[0][2]];
    let turn = facing_turn(first)?;
    for p in positions.iter_mut().flatten() {
        *p = narrow(turn.rotate(sub(widen(*p), widen(origin))));
    }
    let features = Features::from_person(&Person { positions, rotations }, rule)?;
    Ok(Canonical { features, turn, origin })
}

/// The rotation about y that makes a y-up pose face +z: forward = (0,1,0) × (right hip − left hip).
fn facing_turn(pose: &Pose) -> Result<Quat> {
    let across = unit(sub(widen(pose[RIGHT_HIP]), widen(pose[LEFT_HIP])));
    let forward = across.and_then(|across| unit(cross([0.0, 1.0, 0.0], across)));
    match forward {
        Some(forward) => Ok(Quat::between(forward, [0.0, 0.0, 1.0])),
        None => Err(Error::invalid(
            "motion_without_facing",
            "the hips of the first frame coincide or stand one above the other, so the person faces nowhere; \
             start the clip at a frame with both hips tracked",
        )),
    }
}

/// Person 2, canonicalised alone, moved into person 1's canonical frame (InterMask spec §1.3).
///
/// With r = q2 q1⁻¹ and the half angle a = atan2(r.y, r.w): positions and velocities turn back by (cos a, 0, sin a, 0), then
/// positions shift by the x, z of q1 (p2 − p1). Each person keeps the floor of its own clip.
pub fn place_second(first: &Canonical, second: &Canonical) -> Features {
    let relative = second.turn.after(first.turn.inverse());
    let half = relative.v[1].atan2(relative.w);
    let back = Quat { w: half.cos(), v: [0.0, half.sin(), 0.0] }.inverse();
    let [x, _, z] = first.turn.rotate(sub(widen(second.origin), widen(first.origin)));

    let mut features = second.features.clone();
    for row in features.data_mut().chunks_exact_mut(super::FEATURES) {
        for (range, shift) in [(frame::POSITIONS, [x, 0.0, z]), (frame::VELOCITIES, [0.0; 3])] {
            for p in row[range].as_chunks_mut::<3>().0 {
                *p = narrow(add(back.rotate(widen(*p)), shift));
            }
        }
    }
    features
}

/// Two raw persons of T frames each into T−1 frames in person 1's canonical frame.
///
/// # Errors
/// `persons_differ_in_length`; as [`canonicalise`].
pub fn canonicalise_pair(raw: [&RawPerson; 2], rule: &ContactRule) -> Result<CanonicalPair> {
    let [first, second] = raw;
    if first.frames() != second.frames() {
        return Err(Error::invalid(
            "persons_differ_in_length",
            format!("person 1 has {} frames, person 2 has {}", first.frames(), second.frames()),
        ));
    }
    let alone = [canonicalise(first, rule)?, canonicalise(second, rule)?];
    let features = [alone[0].features.clone(), place_second(&alone[0], &alone[1])];
    Ok(CanonicalPair { alone, features })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::kinematics::tests::walk;
    use proptest::prelude::*;

    /// A y-up person turned about y and shifted, as raw.
    fn moved(person: &Person, angle: f64, shift: [f64; 3]) -> RawPerson {
        let turn = Quat::about([0.0, 1.0, 0.0], angle);
        let mut person = person.clone();
        for p in person.positions.iter_mut().flatten() {
            *p = narrow(add(turn.rotate(widen(*p)), shift));
        }
        RawPerson::from_y_up(&person)
    }

    fn furthest(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn where_a_person_stands_and_faces_does_not_matter(
            angle in -3.1f64..3.1, shift in prop::array::uniform3(-3.0f64..3.0),
        ) {
            let person = walk(20);
            let rule = ContactRule::default();
            let a = canonicalise(&RawPerson::from_y_up(&person), &rule).unwrap();
            let b = canonicalise(&moved(&person, angle, shift), &rule).unwrap();
            prop_assert!(furthest(&a.features.data()[..258], &b.features.data()[..258]) < 1e-5);
        }

        #[test]
        fn moving_a_pair_together_changes_nothing_and_distances_survive(
            angle in -3.1f64..3.1, shift in prop::array::uniform3(-3.0f64..3.0),
            apart in -3.1f64..3.1, x in -2.0f64..2.0,
        ) {
            let rule = ContactRule::default();
            let (one, two) = (walk(12), moved(&walk(12), apart, [x, 0.0, 1.0]).to_y_up());
            let still = canonicalise_pair([&moved(&one, 0.0, [0.0; 3]), &moved(&two, 0.0, [0.0; 3])], &rule).unwrap();
            let pair = canonicalise_pair([&moved(&one, angle, shift), &moved(&two, angle, shift)], &rule).unwrap();
            for (a, b) in still.features.iter().zip(&pair.features) {
                prop_assert!(furthest(&a.data()[..132], &b.data()[..132]) < 2e-5);
            }
            let between = |a: &[Pose], b: &[Pose], t: usize| {
                super::super::vector::norm(sub(widen(a[t][20]), widen(b[t][21])))
            };
            let (a, b) = (pair.features[0].positions(), pair.features[1].positions());
            for t in 0..11 {
                let before = between(&one.positions, &two.positions, t);
                prop_assert!((between(&a, &b, t) - before).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn the_first_frame_stands_at_the_origin_facing_z_with_its_feet_on_the_floor() {
        let raw = moved(&walk(20), 2.0, [3.0, -0.4, 1.0]);
        let c = canonicalise(&raw, &ContactRule::default()).unwrap();
        let positions = c.features.positions();
        let [x, _, z] = positions[0][0];
        assert!(x.abs() < 1e-6 && z.abs() < 1e-6);
        let across = sub(widen(positions[0][RIGHT_HIP]), widen(positions[0][LEFT_HIP]));
        assert!(across[0] < 0.0 && across[2].abs() < 1e-6, "right hip at -x: {across:?}");
        assert_eq!(c.features.frames(), 19);
        assert_eq!(c.origin[1], 0.0);
    }

    #[test]
    fn facing_straight_back_is_half_a_turn_not_nan() {
        let mut person = walk(3);
        let first = person.positions[0];
        for p in person.positions.iter_mut().flatten() {
            *p = [-(p[0] - first[0][0]), p[1], -(p[2] - first[0][2])];
        }
        for pose in &mut person.positions {
            pose[LEFT_HIP] = [-0.1, 0.9, 0.0];
            pose[RIGHT_HIP] = [0.1, 0.9, 0.0];
        }
        let c = canonicalise(&RawPerson::from_y_up(&person), &ContactRule::default()).unwrap();
        assert!(c.features.data().iter().all(|v| v.is_finite()));
        assert!(c.features.positions()[0][RIGHT_HIP][0] < 0.0);
    }

    #[test]
    fn hopeless_input_is_refused() {
        let rule = ContactRule::default();
        let code = |raw: &RawPerson| canonicalise(raw, &rule).unwrap_err().code();
        let raw = RawPerson::from_y_up(&walk(5));
        assert_eq!(code(&raw.slice(0..1).unwrap()), "motion_too_short");
        assert_eq!(code(&RawPerson { positions: vec![], rotations: vec![] }), "motion_too_short");
        let mut flat = raw.clone();
        flat.positions[0][RIGHT_HIP] = flat.positions[0][LEFT_HIP];
        assert_eq!(code(&flat), "motion_without_facing");
        let mut nan = raw.clone();
        nan.positions[3][4][1] = f32::NAN;
        assert_eq!(code(&nan), "motion_not_finite");
        let short = raw.slice(0..4).unwrap();
        let pair = canonicalise_pair([&raw, &short], &rule).unwrap_err();
        assert_eq!(pair.code(), "persons_differ_in_length");
    }
}
