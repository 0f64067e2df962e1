//! Kind `schedule`: learning-rate curves.

use super::inputs::{Args, Inputs};
use super::runner::Quantities;
use anyhow::{Context, Result, ensure};
use candle_core::{Device, Tensor};
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
