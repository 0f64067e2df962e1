//! Motion representations as joints with channels (InterMask spec §3.1).

use crate::models::config::MotionLayout;
use candle_core::{D, Result, Tensor};

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

/// (B, T, 262) -> (B, T, 22, 12), contacts dropped, zero rotation for the root; (B, T, 56, 6) stays.
pub fn to_joints(motion: &Tensor, layout: MotionLayout) -> Result<Tensor> {
    if layout == MotionLayout::InterX {
        return motion.contiguous();
    }
    let (b, t, f) = motion.dims3()?;
    if f != FEATURES {
        candle_core::bail!("a person has {FEATURES} numbers a frame, got {f}");
    }
    let position = motion.narrow(2, 0, 66)?.reshape((b, t, JOINTS, 3))?;
    let velocity = motion.narrow(2, 66, 66)?.reshape((b, t, JOINTS, 3))?;
    let rotation = motion
        .narrow(2, ROTATIONS, CONTACTS - ROTATIONS)?
        .reshape((b, t, JOINTS - 1, 6))?
        .pad_with_zeros(2, 1, 0)?;
    Tensor::cat(&[position, velocity, rotation], D::Minus1)?.contiguous()
}

/// The inverse of [`to_joints`]; the four contact channels come out as zeros.
pub fn from_joints(x: &Tensor, layout: MotionLayout) -> Result<Tensor> {
    if layout == MotionLayout::InterX {
        return Ok(x.clone());
    }
    let position = x.narrow(3, 0, 3)?.contiguous()?.flatten(2, 3)?;
    let velocity = x.narrow(3, 3, 3)?.contiguous()?.flatten(2, 3)?;
    let rotation = x.narrow(3, 6, 6)?.narrow(2, 1, JOINTS - 1)?.contiguous()?.flatten(2, 3)?;
    Tensor::cat(&[position, velocity, rotation], 2)?.pad_with_zeros(2, 0, FEATURES - CONTACTS)
}
