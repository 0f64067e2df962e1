//! Motion representations as joints with channels (InterMask spec §3.1).

use crate::models::config::MotionLayout;
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
const LOCAL_GAIN: f32 = 4.0;

/// Of x, y, z, what is taken relative to the pelvis: the floor plan.
fn floor_plan(device: &Device) -> Result<(Tensor, Tensor)> {
    let share = Tensor::new(&[1f32, 0.0, 1.0], device)?;
    let gain = Tensor::new(&[LOCAL_GAIN, 1.0, LOCAL_GAIN], device)?;
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

/// (B, T, 262) -> (B, T, 22, 12), contacts dropped, zero rotation for the root; (B, T, 56, 6) stays.
pub fn to_joints(motion: &Tensor, layout: MotionLayout, local: bool) -> Result<Tensor> {
    if layout == MotionLayout::InterX {
        return motion.contiguous();
    }
    let (b, t, f) = motion.dims3()?;
    if f != FEATURES {
        candle_core::bail!("a person has {FEATURES} numbers a frame, got {f}");
    }
    let position = motion.narrow(2, 0, 66)?.reshape((b, t, JOINTS, 3))?;
    let position = if local { to_local(&position)? } else { position };
    let velocity = motion.narrow(2, 66, 66)?.reshape((b, t, JOINTS, 3))?;
    let rotation = motion
        .narrow(2, ROTATIONS, CONTACTS - ROTATIONS)?
        .reshape((b, t, JOINTS - 1, 6))?
        .pad_with_zeros(2, 1, 0)?;
    Tensor::cat(&[position, velocity, rotation], D::Minus1)?.contiguous()
}

/// The inverse of [`to_joints`]; the four contact channels come out as zeros.
pub fn from_joints(x: &Tensor, layout: MotionLayout, local: bool) -> Result<Tensor> {
    if layout == MotionLayout::InterX {
        return Ok(x.clone());
    }
    let position = x.narrow(3, 0, 3)?;
    let position = if local { from_local(&position)? } else { position.contiguous()? }.flatten(2, 3)?;
    let velocity = x.narrow(3, 3, 3)?.contiguous()?.flatten(2, 3)?;
    let rotation = x.narrow(3, 6, 6)?.narrow(2, 1, JOINTS - 1)?.contiguous()?.flatten(2, 3)?;
    Tensor::cat(&[position, velocity, rotation], 2)?.pad_with_zeros(2, 0, FEATURES - CONTACTS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::DType;

    #[test]
    fn local_positions_move_with_the_pelvis_and_come_back() {
        let dev = &Device::Cpu;
        let numbers: Vec<f32> = (0..2 * 3 * FEATURES).map(|i| ((i * 37) % 101) as f32 / 50.0 - 1.0).collect();
        let motion = Tensor::from_vec(numbers, (2, 3, FEATURES), dev).unwrap();
        // The same with everybody one unit further along x and z.
        let step: Vec<f32> = (0..FEATURES).map(|k| if k < 66 && k % 3 != 1 { 1.0 } else { 0.0 }).collect();
        let moved = motion.broadcast_add(&Tensor::new(step, dev).unwrap()).unwrap();
        let joints = |m: &Tensor| to_joints(m, MotionLayout::InterHuman, true).unwrap();
        let limbs = |m: &Tensor| joints(m).narrow(2, 1, JOINTS - 1).unwrap();
        let apart = |a: &Tensor, b: &Tensor| {
            let d = (a - b).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap();
            d.to_dtype(DType::F64).unwrap().to_scalar::<f64>().unwrap()
        };
        assert!(apart(&limbs(&motion), &limbs(&moved)) < 1e-4);
        let back = from_joints(&joints(&motion), MotionLayout::InterHuman, true).unwrap();
        assert!(apart(&back.narrow(2, 0, CONTACTS).unwrap(), &motion.narrow(2, 0, CONTACTS).unwrap()) < 1e-5);
    }
}
