//! Motion representations as joints with channels (InterMask spec §3.1).

use crate::models::config::{MotionLayout, Places};
use candle_core::{D, Device, Result, Tensor};

/// Numbers per frame of an InterHuman person.
pub const FEATURES: usize = 262;
/// Rows of an Inter-X person: 55 joints and the root translation.
pub const INTERX_ROWS: usize = 56;
const JOINTS: usize = 22;
/// Start of the 6D rotations and of the contacts in the 262 numbers.
const ROTATIONS: usize = 132;
const CONTACTS: usize = 258;

/// Channels per joint: position, velocity, 6D rotation; Inter-X has the six rotation numbers alone.
pub fn channels(layout: MotionLayout) -> usize {
    match layout {
        MotionLayout::InterHuman => 12,
        MotionLayout::InterX => 6,
    }
}

/// What a joint's place relative to its pelvis is multiplied by: normalised places spread over metres, poses over
/// decimetres.
const LOCAL_GAIN: f64 = 4.0;

/// Left hip, right hip, left shoulder, right shoulder.
const ACROSS: [usize; 4] = [1, 2, 16, 17];

/// Joints in the order in which the five token rows of [`Places::Body`] stand over them (six joints, then four times four): trunk
/// and head, left leg, right leg, left arm, right arm.
pub const BODY_ORDER: [u32; JOINTS] =
    [0, 3, 6, 9, 12, 15, 1, 4, 7, 10, 2, 5, 8, 11, 13, 16, 18, 20, 14, 17, 19, 21];

/// Where each joint is in [`BODY_ORDER`].
pub fn from_body_order() -> Vec<u32> {
    let mut at = vec![0; JOINTS];
    for (place, &joint) in (0..).zip(&BODY_ORDER) {
        at[joint as usize] = place;
    }
    at
}

/// Of x, y, z, what is taken relative to the pelvis: the floor plan.
fn floor_plan(device: &Device) -> Result<(Tensor, Tensor)> {
    let share = Tensor::new(&[1f32, 0.0, 1.0], device)?;
    let gain = Tensor::new(&[LOCAL_GAIN as f32, 1.0, LOCAL_GAIN as f32], device)?;
    Ok((share, gain))
}

/// Joints 1..=21 of normalised positions (B, T, 22, 3) relative to joint 0, times the gain.
fn to_local(position: &Tensor) -> Result<Tensor> {
    let (share, gain) = floor_plan(position.device())?;
    let (root, rest) = (position.narrow(2, 0, 1)?, position.narrow(2, 1, JOINTS - 1)?);
    let rest = rest.broadcast_sub(&root.broadcast_mul(&share)?)?.broadcast_mul(&gain)?;
    Tensor::cat(&[root, rest], 2)
}

/// The inverse of [`to_local`].
fn from_local(position: &Tensor) -> Result<Tensor> {
    let (share, gain) = floor_plan(position.device())?;
    let (root, rest) = (position.narrow(2, 0, 1)?, position.narrow(2, 1, JOINTS - 1)?);
    let rest = rest.broadcast_div(&gain)?.broadcast_add(&root.broadcast_mul(&share)?)?;
    Tensor::cat(&[root, rest], 2)
}

/// Cosine and sine of the turn about the vertical that leads from facing +z to where a body faces, (B, T, 1, 1) each, of
/// positions (B, T, 22, 3): from right to left across hips and shoulders.
fn heading(position: &Tensor) -> Result<(Tensor, Tensor)> {
    let joint = |joint: usize| position.narrow(2, joint, 1);
    let [hip, right_hip, shoulder, right_shoulder] = ACROSS;
    let across = ((joint(hip)? - joint(right_hip)?)? + (joint(shoulder)? - joint(right_shoulder)?)?)?;
    unit(&across.narrow(3, 0, 1)?, &across.narrow(3, 2, 1)?.neg()?)
}

/// (cosine, sine), of length one; near nothing, shorter.
fn unit(cos: &Tensor, sin: &Tensor) -> Result<(Tensor, Tensor)> {
    let length = ((cos.sqr()? + sin.sqr()?)? + 1e-8)?.sqrt()?;
    Ok((cos.div(&length)?, sin.div(&length)?))
}

/// Vectors (B, T, J, 3) turned about the vertical.
fn turned(v: &Tensor, cos: &Tensor, sin: &Tensor) -> Result<Tensor> {
    let (x, y, z) = (v.narrow(3, 0, 1)?, v.narrow(3, 1, 1)?, v.narrow(3, 2, 1)?);
    let x_new = (x.broadcast_mul(cos)? + z.broadcast_mul(sin)?)?;
    let z_new = (z.broadcast_mul(cos)? - x.broadcast_mul(sin)?)?;
    Tensor::cat(&[x_new, y, z_new], 3)
}

/// All joints but the pelvis turned.
fn limbs_turned(position: &Tensor, cos: &Tensor, sin: &Tensor) -> Result<Tensor> {
    let (root, rest) = (position.narrow(2, 0, 1)?, position.narrow(2, 1, JOINTS - 1)?);
    Tensor::cat(&[root, turned(&rest, cos, sin)?], 2)
}

/// (B, T, 262) -> (B, T, 22, 12), contacts dropped; (B, T, 56, 6) stays. The root has no rotation: its six numbers are zero, but
/// for cosine and sine of where the body faces in [`Places::Body`].
pub fn to_joints(motion: &Tensor, layout: MotionLayout, places: Places) -> Result<Tensor> {
    if layout == MotionLayout::InterX {
        return motion.contiguous();
    }
    let (b, t, f) = motion.dims3()?;
    if f != FEATURES {
        candle_core::bail!("a person has {FEATURES} numbers a frame, got {f}");
    }
    let position = motion.narrow(2, 0, 66)?.reshape((b, t, JOINTS, 3))?;
    let velocity = motion.narrow(2, 66, 66)?.reshape((b, t, JOINTS, 3))?;
    let rotation = motion.narrow(2, ROTATIONS, CONTACTS - ROTATIONS)?.reshape((b, t, JOINTS - 1, 6))?;
    let (position, velocity, rotation) = match places {
        Places::World => (position, velocity, rotation.pad_with_zeros(2, 1, 0)?),
        Places::Pelvis => (to_local(&position)?, velocity, rotation.pad_with_zeros(2, 1, 0)?),
        Places::Body => {
            let (cos, sin) = heading(&position)?;
            let back = sin.neg()?;
            let root = Tensor::cat(&[&cos, &sin], 3)?.pad_with_zeros(3, 0, 4)?;
            let position = limbs_turned(&to_local(&position)?, &cos, &back)?;
            (position, turned(&velocity, &cos, &back)?, Tensor::cat(&[root, rotation], 2)?)
        }
    };
    Tensor::cat(&[position, velocity, rotation], D::Minus1)?.contiguous()
}

/// The inverse of [`to_joints`]; the four contact channels come out as zeros.
pub fn from_joints(x: &Tensor, layout: MotionLayout, places: Places) -> Result<Tensor> {
    if layout == MotionLayout::InterX {
        return Ok(x.clone());
    }
    let (position, velocity) = (x.narrow(3, 0, 3)?, x.narrow(3, 3, 3)?);
    let (position, velocity) = match places {
        Places::World => (position, velocity),
        Places::Pelvis => (from_local(&position)?, velocity),
        Places::Body => {
            let root = x.narrow(2, 0, 1)?;
            let (cos, sin) = unit(&root.narrow(3, 6, 1)?, &root.narrow(3, 7, 1)?)?;
            (from_local(&limbs_turned(&position, &cos, &sin)?)?, turned(&velocity, &cos, &sin)?)
        }
    };
    let flat = |x: &Tensor| x.contiguous()?.flatten(2, 3);
    let rotation = x.narrow(3, 6, 6)?.narrow(2, 1, JOINTS - 1)?;
    Tensor::cat(&[flat(&position)?, flat(&velocity)?, flat(&rotation)?], 2)?.pad_with_zeros(
        2,
        0,
        FEATURES - CONTACTS,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::DType;

    const JOINT: MotionLayout = MotionLayout::InterHuman;

    fn motion() -> Tensor {
        let numbers: Vec<f32> = (0..2 * 3 * FEATURES).map(|i| ((i * 37) % 101) as f32 / 50.0 - 1.0).collect();
        Tensor::from_vec(numbers, (2, 3, FEATURES), &Device::Cpu).unwrap()
    }

    fn apart(a: &Tensor, b: &Tensor) -> f64 {
        let d = (a - b).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap();
        d.to_dtype(DType::F64).unwrap().to_scalar::<f64>().unwrap()
    }

    #[test]
    fn joints_lead_back_to_the_motion() {
        let motion = motion();
        for places in [Places::World, Places::Pelvis, Places::Body] {
            let back = from_joints(&to_joints(&motion, JOINT, places).unwrap(), JOINT, places).unwrap();
            let known = |m: &Tensor| m.narrow(2, 0, CONTACTS).unwrap();
            assert!(apart(&known(&back), &known(&motion)) < 1e-5, "{places:?}");
        }
    }

    #[test]
    fn limbs_move_with_the_pelvis() {
        let motion = motion();
        // The same with everybody one unit further along x and z.
        let step: Vec<f32> = (0..FEATURES).map(|k| if k < 66 && k % 3 != 1 { 1.0 } else { 0.0 }).collect();
        let moved = motion.broadcast_add(&Tensor::new(step, &Device::Cpu).unwrap()).unwrap();
        for places in [Places::Pelvis, Places::Body] {
            let limbs = |m: &Tensor| to_joints(m, JOINT, places).unwrap().narrow(2, 1, JOINTS - 1).unwrap();
            assert!(apart(&limbs(&motion), &limbs(&moved)) < 1e-4, "{places:?}");
        }
    }

    /// Places and velocities of every joint turned by 70 degrees about the vertical.
    #[test]
    fn in_the_body_only_the_pelvis_knows_where_the_body_faces() {
        let motion = motion();
        let (sin, cos) = 70f32.to_radians().sin_cos();
        let mut rows = motion.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        for v in rows.chunks_mut(FEATURES).flat_map(|row| row[..132].chunks_mut(3)) {
            (v[0], v[2]) = (cos * v[0] + sin * v[2], cos * v[2] - sin * v[0]);
        }
        let turned = Tensor::from_vec(rows, motion.dims(), &Device::Cpu).unwrap();
        let joints = |m: &Tensor| to_joints(m, JOINT, Places::Body).unwrap();
        let limbs = |m: &Tensor| joints(m).narrow(2, 1, JOINTS - 1).unwrap();
        assert!(apart(&limbs(&motion), &limbs(&turned)) < 1e-4);
        let faces =
            |m: &Tensor| joints(m).get(0).unwrap().get(0).unwrap().get(0).unwrap().to_vec1::<f32>().unwrap();
        let (before, after) = (faces(&motion), faces(&turned));
        let angle = |r: &[f32]| r[7].atan2(r[6]);
        let turn = (angle(&after) - angle(&before)).rem_euclid(std::f32::consts::TAU);
        assert!((turn - 70f32.to_radians()).abs() < 1e-4, "{turn}");
    }

    #[test]
    fn rows_stand_for_parts_of_the_body() {
        let at = from_body_order();
        assert!((0..JOINTS).all(|joint| BODY_ORDER[at[joint] as usize] as usize == joint));
        // The decoder grows five rows to 22 joints by these tables.
        let rows: Vec<usize> = {
            let five = super::super::nearest_rows(5, 2.2);
            super::super::nearest_rows(11, 2.0).iter().map(|&r| five[r as usize] as usize).collect()
        };
        let left_arm: Vec<u32> = (0..JOINTS).filter(|&i| rows[i] == 3).map(|i| BODY_ORDER[i]).collect();
        assert_eq!(left_arm, [13, 16, 18, 20]);
        assert_eq!(rows.iter().filter(|&&row| row == 0).count(), 6);
    }
}
