//! Kind `trans_train`: one training step of the transformer with its random draws given.

use super::inputs::{Args, Inputs, host};
use super::runner::{Quantities, param};
use super::transformer::lengths;
use super::vq_train::{Stepped, adamw, clip as clip_norm};
use super::{arg, clip, dims};
use anyhow::{Context, Result, bail, ensure};
use candle_core::{DType, Device, Tensor};
use duet::models::inter_m::InterM;
use duet::nn::dropout::Keep;
use duet::nn::params::Params;
use duet::text::clip::end_positions;
use duet::train::masking::{Draws, SpecialIds, valid};
use duet::train::optim::AdamW;
use duet::train::transformer_step::{
    Texts, TokenBatch, TransformerObjective, TransformerPass, transformer_pass,
};
use serde_json::Value;

/// What the model makes itself and never trains.
const BUFFER: &str = "inv_freq";

/// A drawn coin as the uniform that the library would have drawn: low where it fell on heads.
fn coin(inputs: &Inputs<'_>, what: &str) -> Result<f32> {
    let heads = match inputs.find(what, &[])? {
        Some(coin) => coin.to_dtype(DType::F32)?.to_scalar::<f32>()? > 0.5,
        // Steps that do not need a coin do not store one.
        None => false,
    };
    Ok(if heads { 0.0 } else { 1.0 })
}

fn floats(inputs: &Inputs<'_>, what: &str) -> Result<Vec<f32>> {
    inputs.find(what, &[])?.map_or(Ok(Vec::new()), |tensor| host(&tensor))
}

fn flags(tensor: &Tensor) -> Result<Vec<bool>> {
    Ok(host(&tensor.to_dtype(DType::F32)?)?.into_iter().map(|flag| flag > 0.5).collect())
}

fn draws(inputs: &Inputs<'_>) -> Result<Draws> {
    let drop_text = |pass: u64| -> Result<Vec<bool>> {
        flags(&inputs.tensor_with("draw_cond_drop", &[("pass", Value::from(pass))])?)
    };
    let random_ids = clip::ids(&inputs.tensor("draw_random_ids")?)?.flatten_all()?;
    Ok(Draws {
        interaction: coin(inputs, "draw_interaction_coin")?,
        person: coin(inputs, "draw_person_coin")?,
        time: floats(inputs, "draw_rand_time")?,
        order: floats(inputs, "draw_perm_uniform")?,
        replace: flags(&inputs.tensor("draw_replace")?)?,
        random_ids: random_ids.to_vec1()?,
        mask: flags(&inputs.tensor("draw_mask")?)?,
        drop_text: [drop_text(1)?, drop_text(2)?],
    })
}

struct Step {
    pass: TransformerPass,
    stepped: Stepped,
    /// (B, 10L).
    shape: (usize, usize),
    /// Upstream marks positions without a label by the mask id.
    unlabelled: i64,
}

pub fn step(inputs: &Inputs<'_>) -> Result<Box<dyn Quantities>> {
    let params = &inputs.params;
    ensure!(params.f64("dropout")? == 0.0, "the case was made without dropout");
    let weights = inputs.weights("transformer")?;
    let config = dims::inter_m(&weights, params)?;
    let buffers = weights.iter().filter(|(name, _)| name.contains(BUFFER));
    let buffers = buffers.map(|(name, tensor)| (name.clone(), tensor.clone())).collect();
    let trained = Params::from_tensors(weights, 0, &Device::Cpu);
    let model = InterM::new(&config, trained.builder())?;
    let vars = trained.vars();

    let text_ids = clip::ids(&inputs.tensor("text_token_ids")?)?;
    let hidden = clip::tower(inputs, params)?.forward(&text_ids, &mut ())?;
    let text = model.text(&hidden, &end_positions(&text_ids)?, &mut Keep)?;

    let ids = clip::ids(&inputs.tensor("motion_ids")?)?;
    let shape = ids.dims2()?;
    let lengths = lengths(inputs)?;
    let special = SpecialIds::of(config.codes);
    let known = valid(&lengths, shape.1);
    let ids = ids.flatten_all()?.to_vec1::<u32>()?;
    let ids = ids.into_iter().zip(known).map(|(id, known)| if known { id } else { special.pad }).collect();
    let batch = TokenBatch { ids, lengths, frames: shape.1 / 10 };
    let objective = TransformerObjective {
        interaction_probability: params.f64("interaction_mask_prob")? as f32,
        step_unroll: params.f64("step_unroll")?,
        contrast: 0.0,
    };
    let (config, rate) = adamw(params)?;
    let clip = clip_norm(params)?;
    let optimised = vars.iter().map(|(name, var)| (name.clone(), var.clone())).collect();
    let mut adam = AdamW::new(optimised, config)?;
    let draws = draws(inputs)?;
    let texts = Texts { own: &text, others: None };
    let pass = transformer_pass(&model, adam.vars(), &batch, texts, &objective, &draws, &mut Keep)?;
    let total_norm = adam.step(&pass.gradients, rate, clip)?;
    let stepped = Stepped { vars, buffers, gradients: pass.gradients.clone(), total_norm, clip };
    Ok(Box::new(Step { pass, stepped, shape, unlabelled: i64::from(special.mask) }))
}

impl Quantities for Step {
    fn quantity(&self, what: &str, args: &Args) -> Result<Tensor> {
        let scalar = |value: f64| -> Result<Tensor> { Ok(Tensor::new(value, &Device::Cpu)?) };
        match what {
            "loss" => return scalar(self.pass.loss),
            "acc_mean" => return scalar(self.pass.accuracy),
            "grad" => return self.stepped.gradient(param(args)?),
            "gradnorm" => return self.stepped.gradient_norm(param(args)?),
            "parameter_after" => return self.stepped.after(param(args)?),
            _ => {}
        }
        let number = arg::usize(args, "pass")?;
        let pass = number.checked_sub(1).and_then(|index| self.pass.passes.get(index));
        let pass = pass.with_context(|| format!("no pass {number}"))?;
        match what {
            "input_ids" => Ok(Tensor::from_slice(&pass.guess.input, self.shape, &Device::Cpu)?),
            "labels" => {
                let labels = pass.guess.labels.iter();
                let labels: Vec<i64> = labels.map(|label| label.map_or(self.unlabelled, i64::from)).collect();
                Ok(Tensor::from_vec(labels, self.shape, &Device::Cpu)?)
            }
            "logits" => Ok(pass.logits.transpose(1, 2)?),
            "ce" => scalar(pass.score.loss),
            "acc" => scalar(pass.score.accuracy),
            _ => bail!("unknown quantity {what:?}"),
        }
    }

    fn clipped_gradient(&self, param: &str) -> Result<Tensor> {
        self.stepped.clipped(param)
    }
}
