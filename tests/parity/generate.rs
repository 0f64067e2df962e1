//! Kind `generate`: iterative decoding with the noise that the case supplies, and the motion of the result.

use super::inputs::{Args, Inputs, Params, host};
use super::runner::Quantities;
use super::transformer::{self, Text, lengths};
use super::{arg, vq};
use anyhow::{Context, Result, bail, ensure};
use candle_core::{DType, Device, Tensor};
use duet::generate::masked::{Clips, DecodeSettings, Known, decode, reaction_steps};
use duet::generate::noise::{Draw, Noise};
use duet::models::inter_m::{InterM, TextFeatures};
use duet::models::vqvae::{PARTS, VqVae};
use std::ops::ControlFlow;

/// The draws of a case, by (step, clip, position).
enum Supplied {
    Gumbel { noise: Vec<f32>, shape: [usize; 4] },
    Categorical { uniform: Vec<f32>, shape: [usize; 3] },
    Greedy,
}

impl Supplied {
    fn of(inputs: &Inputs<'_>) -> Result<Self> {
        Ok(match inputs.params.str("mode")? {
            "gumbel" => {
                let noise = inputs.tensor("gumbel_noise")?;
                let (s, b, n, k) = noise.dims4()?;
                Self::Gumbel { noise: host(&noise)?, shape: [s, b, n, k] }
            }
            "categorical" => {
                let uniform = inputs.tensor("uniform")?;
                let (s, b, n) = uniform.dims3()?;
                Self::Categorical { uniform: host(&uniform)?, shape: [s, b, n] }
            }
            "greedy" => Self::Greedy,
            other => bail!("unknown sampling mode {other:?}"),
        })
    }

    /// (steps, clips, positions) must be what the decoding asks for.
    fn check(&self, steps: usize, clips: usize, positions: usize) -> Result<()> {
        let covers = match self {
            Self::Gumbel { shape: [s, b, n, _], .. } | Self::Categorical { shape: [s, b, n], .. } => {
                [*s, *b, *n] == [steps, clips, positions]
            }
            Self::Greedy => true,
        };
        ensure!(covers, "the noise is not of {steps} steps, {clips} clips and {positions} positions");
        Ok(())
    }
}

/// The draws of a decoding whose first sampled position is `from`: the cases number those that are sampled.
struct Shifted<'a> {
    noise: &'a Supplied,
    from: usize,
}

impl Noise for Shifted<'_> {
    fn draw(&self, clip: usize, step: usize, position: usize) -> Draw<'_> {
        self.noise.draw(clip, step, position - self.from)
    }
}

impl Supplied {
    fn draw(&self, clip: usize, step: usize, position: usize) -> Draw<'_> {
        let at = |[_, clips, positions]: [usize; 3]| (step * clips + clip) * positions + position;
        match self {
            Self::Gumbel { noise, shape: [s, b, n, k] } => Draw::Gumbel(&noise[at([*s, *b, *n]) * k..][..*k]),
            Self::Categorical { uniform, shape } => Draw::Uniform(uniform[at(*shape)]),
            Self::Greedy => Draw::Greedy,
        }
    }
}

/// A finished decoding; the stored ids are what motions are decoded from.
pub struct Generation {
    steps: Tensor,
    ids: Tensor,
    stored_ids: Tensor,
    vq: VqVae,
}

/// The sampling that an item asks for, with any models.
pub fn run(inputs: &Inputs<'_>, model: &InterM, vq: VqVae, sentence: &Tensor) -> Result<Generation> {
    let params = &inputs.params;
    let (timesteps, reaction) = (params.usize("timesteps")?, params.bool("reaction")?);
    let settings = DecodeSettings {
        steps: if reaction { reaction_steps(timesteps) } else { timesteps },
        guidance: params.f64("cond_scale")? as f32,
        top_k_ratio: params.f64("topk_filter_thres")?,
        temperature: params.f64("temperature")? as f32,
    };
    let lengths = lengths(inputs)?;
    let positions = 2 * PARTS * lengths.iter().max().context("no clips")?;
    let known = reaction.then(|| known(inputs, positions)).transpose()?;
    let noise = Supplied::of(inputs)?;
    let expected_steps = params.usize("steps_run")?;
    let from = if reaction { positions / 2 } else { 0 };
    noise.check(expected_steps, lengths.len(), positions - from)?;
    let clips =
        Clips { text: &TextFeatures::of_sentences(sentence), lengths: &lengths, known: known.as_deref() };
    let mut fed: Vec<u32> = Vec::new();
    let mut steps = 0;
    let ids = decode(model, &clips, &settings, &Shifted { noise: &noise, from }, &mut |step| {
        steps = step.steps;
        fed.extend(step.fed.iter().flatten());
        // More steps than the noise has would read past its end.
        if steps == expected_steps { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    ensure!(steps == expected_steps, "{steps} decoding steps, expected {expected_steps}");
    Ok(Generation {
        steps: Tensor::from_vec(fed, (steps, lengths.len(), positions), &Device::Cpu)?,
        ids: Tensor::new(ids?, &Device::Cpu)?,
        stored_ids: inputs.tensor("final_ids")?,
        vq,
    })
}

/// Person 1's ids of a reaction, in rows of `positions`; what stands at padding does not matter.
fn known(inputs: &Inputs<'_>, positions: usize) -> Result<Vec<Known>> {
    let rows = inputs.tensor("motion1_ids")?.to_dtype(DType::I64)?.to_vec2::<i64>()?;
    let row = |row: Vec<i64>| -> Known {
        let given = row.into_iter().map(|id| u32::try_from(id).ok());
        given.chain(std::iter::repeat(None)).take(positions).collect()
    };
    Ok(rows.into_iter().map(row).collect())
}

/// Motion (B, 4L, …) of person `person` (0 or 1), normalised.
pub fn decoded(generation: &Generation, person: usize) -> Result<Tensor> {
    let half = generation.stored_ids.dim(1)? / 2;
    let ids = generation.stored_ids.narrow(1, person * half, half)?.contiguous()?;
    Ok(generation.vq.decode(&ids, vq::GRAPH)?)
}

pub fn generate(inputs: &Inputs<'_>) -> Result<Box<dyn Quantities>> {
    let of_transformer = inputs.params.below("transformer")?;
    let model = transformer::model(inputs, &of_transformer)?;
    let vq = vq::model(inputs, &inputs.params.below("vq")?)?;
    let sentence = sentence(inputs, &of_transformer, &model)?;
    Ok(Box::new(run(inputs, &model, vq, &sentence)?))
}

fn sentence(inputs: &Inputs<'_>, params: &Params<'_>, model: &InterM) -> Result<Tensor> {
    let Text { sentence, .. } = transformer::text(inputs, params, model, &inputs.tensor("text_token_ids")?)?;
    Ok(sentence)
}

pub fn reaction(inputs: &Inputs<'_>) -> Result<Box<dyn Quantities>> {
    ensure!(inputs.params.bool("reaction")?, "the task is a reaction, its settings are not");
    generate(inputs)
}

impl Quantities for Generation {
    fn quantity(&self, what: &str, args: &Args) -> Result<Tensor> {
        match what {
            "step_input_ids" => Ok(self.steps.clone()),
            "final_ids" => Ok(self.ids.clone()),
            "decoded_motion" => decoded(self, arg::person(args)?),
            _ => bail!("unknown quantity {what:?}"),
        }
    }
}
