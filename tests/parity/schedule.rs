//! Kind `schedule`: learning-rate curves; the Inter-X representation.

use super::arg;
use super::inputs::{Args, Inputs, host};
use super::runner::Quantities;
use anyhow::{Context, Result, bail, ensure};
use candle_core::{Device, Tensor};
use duet::data::interx::{
    self, CHANNELS, CropDraws, InterXClip, InterXItem, MAX_FRAMES, ROWS, UNIT, window_indices,
};
use duet::train::schedule::Schedule;

struct Curve(Vec<f64>);

pub fn curve(inputs: &Inputs<'_>) -> Result<Box<dyn Quantities>> {
    let params = &inputs.params;
    let iterations = params.usize("iters_per_epoch")? as u64;
    let milestones = params.list("milestones")?;
    let milestones: Option<Vec<f64>> = milestones.iter().map(|share| share.as_f64()).collect();
    let schedule = Schedule::multistep(
        params.f64("base_lr")?,
        iterations,
        params.usize("max_epoch")? as u64,
        &milestones.context("milestones are shares of the whole")?,
        params.f64("gamma")?,
        params.bool("scheduler_steps_during_warmup")?,
    );
    if params.get("warmup_iters").is_some() {
        let stated = params.usize("warmup_iters")? as u64;
        ensure!(stated == schedule.warmup, "warm-up of {} steps, stated as {stated}", schedule.warmup);
    }
    let steps = iterations * params.usize("epochs_run")? as u64;
    Ok(Box::new(Curve((1..=steps).map(|step| schedule.rate(step)).collect())))
}

impl Quantities for Curve {
    fn quantity(&self, what: &str, _args: &Args) -> Result<Tensor> {
        ensure!(what == "lr", "unknown quantity {what:?}");
        Ok(Tensor::new(self.0.as_slice(), &Device::Cpu)?)
    }
}

/// The clip of an item; its representation must be the one built here.
fn interx_clip(inputs: &Inputs<'_>) -> Result<InterXClip> {
    ensure!(inputs.params.str("representation")? == "smpl", "another representation than smpl");
    Ok(InterXClip::new(host(&inputs.tensor("raw")?)?)?)
}

struct Windows {
    clip: InterXClip,
    indices: Vec<(usize, usize)>,
    size: usize,
}

pub fn interx_windows(inputs: &Inputs<'_>) -> Result<Box<dyn Quantities>> {
    let clip = interx_clip(inputs)?;
    let size = inputs.params.usize("window_size")?;
    let indices = window_indices(&[clip.frames()], size, inputs.params.usize("window_stride")?);
    Ok(Box::new(Windows { clip, indices, size }))
}

impl Quantities for Windows {
    fn quantity(&self, what: &str, args: &Args) -> Result<Tensor> {
        match what {
            "window_indices" => {
                let indices = self.indices.iter();
                let flat: Vec<i64> =
                    indices.flat_map(|(motion, start)| [*motion as i64, *start as i64]).collect();
                Ok(Tensor::from_vec(flat, ((), 2), &Device::Cpu)?)
            }
            "window" => {
                let start = arg::usize(args, "start")?;
                let rows =
                    self.clip.person(arg::person(args)?, start, self.size).context("no such window")?;
                Ok(Tensor::from_vec(rows, (self.size, ROWS, CHANNELS), &Device::Cpu)?)
            }
            _ => bail!("unknown quantity {what:?}"),
        }
    }
}

struct Text2Motion(InterXItem);

pub fn interx_item(inputs: &Inputs<'_>) -> Result<Box<dyn Quantities>> {
    let params = &inputs.params;
    ensure!(
        params.usize("unit_length")? == UNIT && params.usize("max_motion_length")? == MAX_FRAMES,
        "items of other lengths"
    );
    let one_unit_less = match params.str("length_branch")? {
        "single" => false,
        "double" => true,
        other => bail!("unknown branch {other:?}"),
    };
    let draws = CropDraws { one_unit_less, start: params.usize("crop_start")? };
    Ok(Box::new(Text2Motion(interx::item(&interx_clip(inputs)?, draws)?)))
}

impl Quantities for Text2Motion {
    fn quantity(&self, what: &str, _args: &Args) -> Result<Tensor> {
        match what {
            "item_motion" => Ok(Tensor::from_slice(&self.0.motion, ((), ROWS, 2 * CHANNELS), &Device::Cpu)?),
            "item_length" => Ok(Tensor::new(self.0.length as i64, &Device::Cpu)?),
            _ => bail!("unknown quantity {what:?}"),
        }
    }
}
