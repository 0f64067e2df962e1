//! Kind `motion`: raw files to the canonical 262 numbers of two persons.

use super::arg;
use super::inputs::{Args, Inputs, Params, host};
use super::runner::Quantities;
use anyhow::{Context, Result, bail, ensure};
use candle_core::{Device, Tensor};
use duet::data::folder::RawPair;
use duet::data::interhuman::{ItemDraws, MAX_FRAMES, TextClips, TextItem, VqWindows};
use duet::motion::canonical::{CanonicalPair, canonicalise_pair};
use duet::motion::contact::ContactRule;
use duet::motion::mirror::{CaptionRule, mirror};
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

/// Clip `id`, both persons.
fn raw_pair(inputs: &Inputs<'_>, id: &str) -> Result<RawPair> {
    let persons = [raw_person(inputs, Some(id), 0)?, raw_person(inputs, Some(id), 1)?];
    Ok(RawPair { id: id.to_owned(), persons })
}

/// The data sets work with InterHuman's thresholds.
fn default_contacts(params: &Params<'_>) -> Result<()> {
    let rule = contact_rule(params)?;
    ensure!(
        rule == ContactRule::default(),
        "the data sets detect contacts by other thresholds than {rule:?}"
    );
    Ok(())
}

struct Windows {
    windows: VqWindows,
    size: usize,
}

pub fn windows(inputs: &Inputs<'_>) -> Result<Box<dyn Quantities>> {
    default_contacts(&inputs.params)?;
    let params = &inputs.params;
    let clips = params.list("clip_order")?.iter().map(|id| id.as_str().context("a clip without a name"));
    let pairs: Vec<RawPair> = clips.map(|id| raw_pair(inputs, id?)).collect::<Result<_>>()?;
    let size = params.usize("window_size")?;
    let windows = VqWindows::from_pairs(&pairs, &stats(inputs)?, size, params.usize("window_stride")?)?;
    Ok(Box::new(Windows { windows, size }))
}

impl Quantities for Windows {
    fn quantity(&self, what: &str, args: &Args) -> Result<Tensor> {
        match what {
            "window_indices" => {
                let indices = self.windows.indices().iter();
                let flat: Vec<i64> =
                    indices.flat_map(|(motion, start)| [*motion as i64, *start as i64]).collect();
                Ok(Tensor::from_vec(flat, ((), 2), &Device::Cpu)?)
            }
            "normalised_window" => {
                let window = self.windows.get(arg::usize(args, "index")?).context("no such window")?;
                Ok(Tensor::from_slice(window, (self.size, FEATURES), &Device::Cpu)?)
            }
            _ => bail!("unknown quantity {what:?}"),
        }
    }
}

struct Item(TextItem);

pub fn item(inputs: &Inputs<'_>) -> Result<Box<dyn Quantities>> {
    default_contacts(&inputs.params)?;
    let params = &inputs.params;
    ensure!(params.usize("max_frames")? == MAX_FRAMES, "items of another length than {MAX_FRAMES}");
    let pair = raw_pair(inputs, params.str("clip")?)?;
    let captions = inputs.texts()?.context("the item has no captions")?;
    let mut clips = TextClips::new(stats(inputs)?);
    let captions = captions.into_iter().map(|caption| caption.text).collect();
    ensure!(clips.push(pair, captions, true, CaptionRule::Upstream), "the clip was left out");
    let draws = ItemDraws {
        caption: params.usize("text_choice_index")?,
        crop_start: params.usize("crop_start_if_longer")?,
        // Upstream exchanges above one half.
        exchange_before: params.f64("rand_before_processing")? > 0.5,
        exchange_after: params.f64("rand_after_processing")? > 0.5,
    };
    // The mirrored copy follows its clip.
    Ok(Box::new(Item(clips.item(usize::from(params.bool("mirrored")?), draws)?)))
}

impl Quantities for Item {
    fn quantity(&self, what: &str, args: &Args) -> Result<Tensor> {
        match what {
            "item_motion" => {
                let rows = &self.0.motions[arg::person(args)?];
                Ok(Tensor::from_slice(rows, (rows.len() / FEATURES, FEATURES), &Device::Cpu)?)
            }
            "item_length" => Ok(Tensor::new(self.0.length as i64, &Device::Cpu)?),
            _ => bail!("unknown quantity {what:?}"),
        }
    }

    fn value(&self, key: &str) -> Result<Value> {
        Ok(match key {
            "name" => Value::from(self.0.name.as_str()),
            "text" => Value::from(self.0.caption.as_str()),
            "length" => Value::from(self.0.length),
            _ => bail!("unknown value {key:?}"),
        })
    }
}
