//! Kind `vq_train`: one training step of the VQ-VAE, and the codebook's first batch.

use super::inputs::{Args, Inputs, Params as Settings, host};
use super::runner::{Quantities, param};
use super::{dims, losses, vq};
use anyhow::{Context, Result, bail, ensure};
use candle_core::{Device, Tensor, Var};
use duet::models::vqvae::VqVae;
use duet::nn::dropout::Keep;
use duet::nn::params::Params;
use duet::rng::CounterRng;
use duet::train::optim::{AdamW, AdamWConfig, norm};
use duet::train::quantizer::{CodeNoise, Codebook, DEAD_BELOW};
use duet::train::vq_loop::CODEBOOK;
use duet::train::vq_step::{VqObjective, VqPass, vq_pass};
use std::collections::{BTreeMap, HashMap};

/// Constants of the optimiser and the learning rate.
pub fn adamw(params: &Settings<'_>) -> Result<(AdamWConfig, f64)> {
    let stated = params.below("optimizer")?;
    ensure!(stated.str("name")? == "adamw", "another optimiser than AdamW");
    let betas: Vec<f64> = stated.list("betas")?.iter().filter_map(serde_json::Value::as_f64).collect();
    let [beta1, beta2] = betas[..] else { bail!("AdamW has two betas") };
    let config =
        AdamWConfig { beta1, beta2, eps: stated.f64("eps")?, weight_decay: stated.f64("weight_decay")? };
    Ok((config, stated.f64("lr")?))
}

/// The largest gradient norm, where there is one.
pub fn clip(params: &Settings<'_>) -> Result<Option<f64>> {
    params.get("grad_clip_norm").map(|_| params.f64("grad_clip_norm")).transpose()
}

/// What one step of a trainer leaves behind, for any model.
pub struct Stepped {
    pub vars: BTreeMap<String, Var>,
    /// Tensors of a checkpoint that are not trained.
    pub buffers: HashMap<String, Tensor>,
    pub gradients: HashMap<String, Tensor>,
    pub total_norm: f64,
    pub clip: Option<f64>,
}

impl Stepped {
    pub fn gradient(&self, param: &str) -> Result<Tensor> {
        self.gradients.get(param).cloned().with_context(|| format!("no gradient of {param:?}"))
    }

    pub fn gradient_norm(&self, param: &str) -> Result<Tensor> {
        Ok(Tensor::new(norm(&self.gradient(param)?)?, &Device::Cpu)?)
    }

    /// As `torch.nn.utils.clip_grad_norm_` scales it.
    pub fn clipped(&self, param: &str) -> Result<Tensor> {
        if let Some(buffer) = self.buffers.get(param) {
            return Ok(buffer.zeros_like()?);
        }
        let scale = self.clip.map_or(1.0, |limit| (limit / (self.total_norm + 1e-6)).min(1.0));
        Ok((self.gradient(param)? * scale)?)
    }

    pub fn after(&self, param: &str) -> Result<Tensor> {
        if let Some(buffer) = self.buffers.get(param) {
            return Ok(buffer.clone());
        }
        let var = self.vars.get(param).with_context(|| format!("no parameter {param:?}"))?;
        Ok(var.as_tensor().clone())
    }
}

struct Step {
    pass: VqPass,
    codebook: Codebook,
    stepped: Stepped,
}

pub fn step(inputs: &Inputs<'_>) -> Result<Box<dyn Quantities>> {
    let params = &inputs.params;
    ensure!(params.f64("dropout")? == 0.0, "the case was made without dropout");
    let mut weights = inputs.weights("vq")?;
    let codes = inputs.tensor("codebook_before")?;
    weights.insert(CODEBOOK.to_owned(), codes.clone());
    let config = dims::vq(&weights, params)?;
    let mut codebook = Codebook {
        dim: config.code_dim,
        codes: host(&codes)?,
        sum: host(&inputs.tensor("code_sum_before")?)?,
        count: host(&inputs.tensor("code_count_before")?)?,
        initialised: true,
        mu: params.f64("mu")? as f32,
        dead_below: DEAD_BELOW,
    };
    let trained = Params::from_tensors(weights.clone(), 0, &Device::Cpu);
    let model = VqVae::new(&config, trained.builder())?;
    let vars = trained.vars();
    ensure!(vars.keys().eq(weights.keys().collect::<std::collections::BTreeSet<_>>()), "other parameters");
    let objective = VqObjective {
        losses: losses::losses(inputs, params)?,
        temperature: params.f64("gumbel_temperature")? as f32,
        graph: vq::GRAPH,
        decoder_only: false,
    };
    let (config, rate) = adamw(params)?;
    let clip = clip(params)?;
    let optimised = vars.iter().filter(|(name, _)| *name != CODEBOOK);
    let optimised = optimised.map(|(name, var)| (name.clone(), var.clone())).collect();
    let mut adam = AdamW::new(optimised, config)?;
    let uniforms = host(&inputs.tensor("gumbel_uniform")?)?;
    // Only a batch smaller than the codebook draws from this one.
    let fill = CounterRng::new(0, "parity");
    let motion = inputs.tensor("input_motion")?;
    let noise = CodeNoise::Uniform(&uniforms);
    let pass = vq_pass(&model, adam.vars(), &mut codebook, &objective, &mut [(motion, Keep)], &noise, &fill)?;
    let total_norm = adam.step(&pass.gradients, rate, clip)?;
    let stepped =
        Stepped { vars, buffers: HashMap::new(), gradients: pass.gradients.clone(), total_norm, clip };
    Ok(Box::new(Step { pass, codebook, stepped }))
}

impl Quantities for Step {
    fn quantity(&self, what: &str, args: &Args) -> Result<Tensor> {
        let terms = &self.pass.terms;
        let value = match what {
            "loss" => self.pass.total,
            "loss_rec" => terms.rec,
            "loss_explicit" => terms.explicit,
            "loss_vel" => terms.vel,
            "loss_bn" => terms.bone,
            "loss_geo" => terms.geo,
            "loss_fc" => terms.foot,
            "loss_commit" => self.pass.commit,
            "perplexity" => self.pass.perplexity,
            "grad_total_norm_before_clip" => self.stepped.total_norm,
            "gradnorm" => return self.stepped.gradient_norm(param(args)?),
            "grad_unclipped" => return self.stepped.gradient(param(args)?),
            "parameter_after" => return self.stepped.after(param(args)?),
            _ => return codebook_part(&self.codebook, what.strip_suffix("_after").unwrap_or_default()),
        };
        Ok(Tensor::new(value, &Device::Cpu)?)
    }

    fn clipped_gradient(&self, param: &str) -> Result<Tensor> {
        self.stepped.clipped(param)
    }
}

fn codebook_part(codebook: &Codebook, what: &str) -> Result<Tensor> {
    let (values, shape) = match what {
        "codebook" => (&codebook.codes, vec![codebook.len(), codebook.dim]),
        "code_sum" => (&codebook.sum, vec![codebook.len(), codebook.dim]),
        "code_count" => (&codebook.count, vec![codebook.len()]),
        _ => bail!("unknown quantity {what:?}"),
    };
    Ok(Tensor::from_slice(values, shape, &Device::Cpu)?)
}

struct FirstBatch(Codebook);

pub fn codebook_init(inputs: &Inputs<'_>) -> Result<Box<dyn Quantities>> {
    let (codes, dim) = (inputs.params.usize("nb_code")?, inputs.params.usize("code_dim")?);
    let mut codebook = Codebook::empty(codes, dim, 0.99);
    codebook.initialise(&host(&inputs.tensor("batch_vectors")?)?, &CounterRng::new(0, "parity"));
    Ok(Box::new(FirstBatch(codebook)))
}

impl Quantities for FirstBatch {
    fn quantity(&self, what: &str, _args: &Args) -> Result<Tensor> {
        codebook_part(&self.0, what)
    }
}
