//! Kind `footik`: smoothing, the foot fix, the keypoint arrays.

use super::inputs::{Args, Inputs, host};
use super::runner::Quantities;
use super::{arg, motion};
use anyhow::{Result, bail, ensure};
use candle_core::{DType, Device, IndexOp, Tensor};
use duet::motion::contact::{Contacts, FEET};
use duet::motion::export::{KEYPOINT_WIDTH, PostProcessed, keypoints, post_process};
use duet::motion::foot_fix::FootFix;
use duet::motion::{Features, JOINTS, Person, Pose, smooth};
use serde_json::Value;

/// (frames, 22, 3).
fn tensor(joints: &[Pose]) -> Result<Tensor> {
    let flat: &[f32] = joints.as_flattened().as_flattened();
    Ok(Tensor::from_slice(flat, (joints.len(), JOINTS, 3), &Device::Cpu)?)
}

fn poses(joints: &Tensor) -> Result<Vec<Pose>> {
    let (frames, count, axes) = joints.dims3()?;
    ensure!(count == JOINTS && axes == 3, "joints of shape {:?}", joints.dims());
    let flat = host(joints)?;
    let at = |frame: usize, joint: usize, axis: usize| flat[(frame * JOINTS + joint) * 3 + axis];
    Ok((0..frames).map(|t| std::array::from_fn(|j| std::array::from_fn(|a| at(t, j, a)))).collect())
}

struct Post {
    denormalised: Tensor,
    processed: PostProcessed,
}

pub fn postprocess(inputs: &Inputs<'_>) -> Result<Box<dyn Quantities>> {
    let params = &inputs.params;
    // The library's export has these settings built in.
    ensure!(
        params.f64("smoothing_sigma_frames")? == smooth::SIGMA
            && params.usize("smoothing_radius")? == smooth::RADIUS
            && params.str("smoothing_edge")? == "nearest"
            && foot_fix(inputs)? == FootFix::default(),
        "the export smooths and fixes with other settings than the item states"
    );
    let stats = motion::stats(inputs)?;
    let pair = inputs.tensor("normalised_motion")?;
    let person = |i: usize| -> Result<Features> {
        Ok(stats.denormalise(&Features::new(host(&pair.i((.., i))?.contiguous()?)?)?))
    };
    let persons = [person(0)?, person(1)?];
    let denormalised = Tensor::stack(&[motion::tensor(&persons[0])?, motion::tensor(&persons[1])?], 1)?;
    let processed = post_process([&persons[0], &persons[1]])?;
    Ok(Box::new(Post { denormalised, processed }))
}

impl Quantities for Post {
    fn quantity(&self, what: &str, args: &Args) -> Result<Tensor> {
        let npy = |person: &Person| -> Result<Tensor> {
            let shape = (person.positions.len(), JOINTS, KEYPOINT_WIDTH);
            Ok(Tensor::from_vec(keypoints(person), shape, &Device::Cpu)?)
        };
        match what {
            "denormalised_motion" => Ok(self.denormalised.clone()),
            "npy" => npy(&self.processed.plain.persons[arg::person(args)?]),
            "ik_npy" => npy(&self.processed.fixed.persons[arg::person(args)?]),
            "mp4_joints_plain" => tensor(self.processed.mp4_joints_plain(arg::person(args)?)),
            "mp4_joints_ik" => tensor(self.processed.mp4_joints_ik(arg::person(args)?)),
            _ => bail!("unknown quantity {what:?}"),
        }
    }
}

/// The foot fix an item asks for.
fn foot_fix(inputs: &Inputs<'_>) -> Result<FootFix> {
    let feet = inputs.params.list("foot_joints")?.iter().map(Value::as_u64);
    ensure!(feet.eq(FEET.iter().map(|joint| Some(*joint as u64))), "other feet than {FEET:?}");
    Ok(FootFix {
        reach: inputs.params.usize("interp_length")?,
        on_floor: inputs.params.bool("force_on_floor")?,
        ..FootFix::default()
    })
}

struct Fixed {
    joints: Vec<Pose>,
    contacts: Vec<Contacts>,
}

pub fn remove_fs(inputs: &Inputs<'_>) -> Result<Box<dyn Quantities>> {
    let mut joints = poses(&inputs.tensor("joints_in")?)?;
    let given = if inputs.params.bool("contact_given")? {
        // (4, frames), one row a foot.
        let rows = inputs.tensor("contact")?.t()?.contiguous()?.to_vec2::<u8>()?;
        Some(rows.iter().map(|row| std::array::from_fn(|foot| row[foot] != 0)).collect::<Vec<Contacts>>())
    } else {
        None
    };
    let contacts = foot_fix(inputs)?.apply(&mut joints, given.as_deref());
    Ok(Box::new(Fixed { joints, contacts }))
}

impl Quantities for Fixed {
    fn quantity(&self, what: &str, _args: &Args) -> Result<Tensor> {
        match what {
            "joints_out" => tensor(&self.joints),
            "contact" => {
                let flags: Vec<u8> =
                    self.contacts.as_flattened().iter().map(|flag| u8::from(*flag)).collect();
                let flags = Tensor::from_vec(flags, (self.contacts.len(), FEET.len()), &Device::Cpu)?;
                Ok(flags.to_dtype(DType::U8)?.t()?)
            }
            _ => bail!("unknown quantity {what:?}"),
        }
    }
}
