//! Kind `motion`: raw files to the canonical 262 numbers of two persons.

use super::arg;
use super::inputs::{Args, Inputs, Params, host};
use super::runner::Quantities;
use anyhow::{Context, Result, bail};
use candle_core::{Device, Tensor};
use duet::motion::canonical::{CanonicalPair, canonicalise_pair};
use duet::motion::contact::ContactRule;
use duet::motion::mirror::mirror;
use duet::motion::{FEATURES, Features, RawPerson, raw};
use serde_json::Value;

/// The thresholds an item states.
pub fn contact_rule(params: &Params<'_>) -> Result<ContactRule> {
    Ok(ContactRule {
        step_squared: params.f64("foot_velocity_sq")?,
        ankle_height: params.f64("foot_height_ankle")?,
        toe_height: params.f64("foot_height_toe")?,
    })
}

/// Person `person` (0 or 1) of a clip; of the only clip where none is named.
pub fn raw_person(inputs: &Inputs<'_>, clip: Option<&str>, person: usize) -> Result<RawPerson> {
    let mut args = vec![("person", Value::from(person + 1))];
    if let Some(clip) = clip {
        args.push(("clip", Value::from(clip)));
    }
    Ok(RawPerson::from_file_rows(&host(&inputs.tensor_with("raw", &args)?)?)?)
}

/// (frames, 262).
pub fn tensor(features: &Features) -> Result<Tensor> {
    Ok(Tensor::from_slice(features.data(), (features.frames(), FEATURES), &Device::Cpu)?)
}

/// One clip, as it is and mirrored.
struct Pair {
    raw: [[RawPerson; 2]; 2],
    placed: [CanonicalPair; 2],
}

pub fn pair(inputs: &Inputs<'_>) -> Result<Box<dyn Quantities>> {
    let rule = contact_rule(&inputs.params)?;
    let plain = [raw_person(inputs, None, 0)?, raw_person(inputs, None, 1)?];
    let mirrored = [mirror(&plain[0]), mirror(&plain[1])];
    let place = |raw: &[RawPerson; 2]| canonicalise_pair([&raw[0], &raw[1]], &rule);
    let placed = [place(&plain)?, place(&mirrored)?];
    Ok(Box::new(Pair { raw: [plain, mirrored], placed }))
}

impl Quantities for Pair {
    fn quantity(&self, what: &str, args: &Args) -> Result<Tensor> {
        let person = arg::person(args)?;
        let version = usize::from(arg::bool(args, "mirrored")?);
        let placed = &self.placed[version];
        let alone = &placed.alone[person];
        match what {
            "loaded_192" => {
                let rows = self.raw[version][person].to_rows();
                Ok(Tensor::from_vec(rows, ((), raw::WIDTH), &Device::Cpu)?)
            }
            "processed" => tensor(&placed.features[person]),
            "before_relative" => tensor(&alone.features),
            "root_quat_init" => {
                let [x, y, z] = alone.turn.v;
                Ok(Tensor::new(&[alone.turn.w, x, y, z], &Device::Cpu)?)
            }
            "root_pos_init" => Ok(Tensor::new(&alone.origin, &Device::Cpu)?),
            _ => bail!("unknown quantity {what:?}"),
        }
    }
}

/// The statistics an item is given.
pub fn stats(inputs: &Inputs<'_>) -> Result<duet::motion::Stats> {
    let (mean, std) = (inputs.tensor("stats_mean")?, inputs.tensor("stats_std")?);
    duet::motion::Stats::new(host(&mean)?, host(&std)?).context("the statistics of the case")
}
