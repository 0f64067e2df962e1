//! One person as an archive in the layout of AMASS, the collection of captures that bodies of the SMPL family are played
//! from: how the body as a whole is turned, how each joint is, and where it stands.
//!
//! AMASS's world has z up, and so has this one. Our 22 joints are the body joints of SMPL-H in its own order. The bones that the
//! rotations turn are this program's ([`crate::motion::skeleton`]): in the style of SMPL's mean body, but no body model's
//! data. They lie in the archive as well.

use super::Origin;
use super::npy;
use super::npz::{Archive, text};
use crate::error::Result;
use crate::motion::JOINTS;
use crate::motion::animation::Animation;
use crate::motion::rotation::Quat;
use crate::motion::skeleton::NAMES;
use std::f64::consts::FRAC_PI_2;

/// Numbers a frame of `poses`: root, 21 joints of the body, 15 of each hand.
const POSES: usize = 3 * (JOINTS + 30);
/// Shape numbers of an SMPL-H body.
const BETAS: u64 = 16;

/// The archive. With T frames:
///
/// | name | shape | type | meaning |
/// |---|---|---|---|
/// | `trans` | (T, 3) | float32 | where the pelvis is, metres, z up |
/// | `root_orient` | (T, 3) | float32 | the pelvis's rotation as a rotation vector (axis times radians, at most π), z up |
/// | `pose_body` | (T, 63) | float32 | the local ones of joints 1 to 21 |
/// | `poses` | (T, 156) | float32 | both of these, then zeros for the hands |
/// | `betas` | (16,) | float32 | zeros: whose body it is, is not known |
/// | `gender`, `surface_model_type` | () | str | `neutral`, `smplh` |
/// | `mocap_frame_rate`, `mocap_framerate` | () | float64 | frames a second, under the name of today and the older one |
/// | `offsets` | (22, 3) | float32 | the bones that the rotations turn, y up as body models are; zeros for the pelvis |
/// | `names` | (22,) | str | the joints |
/// | `prompt`, `model`, `seed`, `settings` | | | as in the npz of both people, where known |
///
/// # Errors
/// Only internal ones.
pub fn write(animation: &Animation, origin: &Origin) -> Result<Vec<u8>> {
    let frames = animation.frames() as u64;
    let upright = Quat::about([1.0, 0.0, 0.0], FRAC_PI_2);
    let vectors =
        |turns: &[Quat]| -> Vec<f32> { turns.iter().flat_map(|turn| numbers(turn.to_vector())).collect() };
    let roots: Vec<_> = animation.turns.iter().map(|turns| vectors(&[upright.after(turns[0])])).collect();
    let bodies: Vec<_> = animation.turns.iter().map(|turns| vectors(&turns[1..])).collect();
    let hands = [0.0_f32; POSES - 3 * JOINTS];
    let poses =
        roots.iter().zip(&bodies).flat_map(|(root, body)| root.iter().chain(body).chain(&hands)).copied();
    let trans = animation.pelvis.iter().flat_map(|&at| numbers(upright.rotate(at)));
    let offsets = animation.bones.iter().flatten().map(|&x| x as f32);
    let body = 3 * (JOINTS as u64 - 1);

    let mut archive = Archive::new();
    archive.add("trans", npy::write(&[frames, 3], trans)?)?;
    archive.add("poses", npy::write(&[frames, POSES as u64], poses)?)?;
    archive.add("root_orient", npy::write(&[frames, 3], roots.iter().flatten().copied())?)?;
    archive.add("pose_body", npy::write(&[frames, body], bodies.iter().flatten().copied())?)?;
    archive.add("betas", npy::write(&[BETAS], [0.0_f32; BETAS as usize])?)?;
    archive.add("gender", text(&[], &["neutral"])?)?;
    archive.add("surface_model_type", text(&[], &["smplh"])?)?;
    for name in ["mocap_frame_rate", "mocap_framerate"] {
        archive.add(name, npy::write(&[], [animation.fps])?)?;
    }
    archive.add("offsets", npy::write(&[JOINTS as u64, 3], offsets)?)?;
    archive.add("names", text(&[JOINTS as u64], &NAMES)?)?;
    archive.add_origin(origin)?;
    archive.finish()
}

fn numbers(vector: [f64; 3]) -> [f32; 3] {
    vector.map(|x| x as f32)
}

#[cfg(test)]
mod tests {
    use super::super::npz::tests::{entry, words};
    use super::*;
    use crate::motion::kinematics::forward;
    use crate::motion::kinematics::tests::walk;
    use crate::motion::vector::norm;

    #[test]
    fn the_rotations_lead_back_to_the_joints_in_a_world_with_z_up() {
        let person = walk(12);
        let animation = Animation::solve(&person.positions).unwrap();
        let bytes = write(&animation, &Origin::default()).unwrap();
        assert_eq!(bytes, write(&animation, &Origin::default()).unwrap(), "the same bytes twice");
        let array = |name: &str| npy::read_f32(&entry(&bytes, name).unwrap()).unwrap();
        assert_eq!(array("poses").shape, [12, 156]);
        assert_eq!(array("pose_body").shape, [12, 63]);
        let (roots, bodies, trans) =
            (array("root_orient").data, array("pose_body").data, array("trans").data);
        let turned = |vector: &[f32]| {
            let axis = [0, 1, 2].map(|i| f64::from(vector[i]));
            Quat::about(axis, norm(axis))
        };
        for (frame, pose) in person.positions.iter().enumerate() {
            let body = &bodies[63 * frame..][..63];
            let local = std::array::from_fn(|joint| turned(&body[3 * joint..][..3]));
            let at = [0, 1, 2].map(|i| f64::from(trans[3 * frame + i]));
            let reached = forward(&animation.bones, at, turned(&roots[3 * frame..][..3]), &local);
            for (found, &[x, y, z]) in reached.iter().zip(pose) {
                for (found, expected) in found.iter().zip([x, -z, y]) {
                    assert!((found - f64::from(expected)).abs() < 1e-4, "frame {frame}: {found} {expected}");
                }
            }
            let all = &array("poses").data[156 * frame..][..156];
            assert_eq!((&all[..3], &all[3..66]), (&roots[3 * frame..][..3], body));
            assert!(all[66..].iter().all(|x| *x == 0.0), "nothing is known of hands");
        }
        assert_eq!(array("mocap_frame_rate").data, [30.0]);
        assert_eq!(words(&bytes, "gender"), ["neutral"]);
        assert!(entry(&bytes, "prompt").is_none());
    }
}
