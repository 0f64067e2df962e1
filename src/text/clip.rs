//! The CLIP text tower (Radford et al. 2021; InterMask spec §4.2): hidden states of all positions, no projection.

use crate::models::config::ClipTextConfig;
use crate::nn::attention::MultiHead;
use crate::nn::dropout::Keep;
use crate::nn::linear::{Linear, ZERO, embed, linear};
use crate::nn::norm::LayerNorm;
use crate::nn::ops::{Among, Mask};
use crate::nn::probe::Probe;
use candle_core::{Module, Result, Tensor};
use candle_nn::{Init, VarBuilder};

const EPS: f32 = 1e-5;

/// Token table and [`ClipBody`].
pub struct ClipText {
    tokens: Tensor,
    body: ClipBody,
    vocab: usize,
}

/// Everything after the token table: position table, pre-LN causal transformer with QuickGELU, final norm.
pub struct ClipBody {
    positions: Tensor,
    blocks: Vec<Block>,
    last: LayerNorm,
}

struct Block {
    ln_1: LayerNorm,
    attention: MultiHead,
    ln_2: LayerNorm,
    fc: Linear,
    proj: Linear,
}

impl ClipText {
    /// Names as OpenAI published them: `token_embedding.weight` and those of [`ClipBody::new`]. Initial deviations are CLIP's.
    pub fn new(config: &ClipTextConfig, vb: VarBuilder) -> Result<Self> {
        let normal = Init::Randn { mean: 0.0, stdev: 0.02 };
        Ok(Self {
            tokens: vb.get_with_hints((config.vocab, config.width), "token_embedding.weight", normal)?,
            body: ClipBody::new(config, vb)?,
            vocab: config.vocab,
        })
    }

    /// The same tower, whose token table receives no gradient.
    #[must_use]
    pub fn with_fixed_tokens(self) -> Self {
        Self { tokens: self.tokens.detach(), ..self }
    }

    /// Ids (B, N) u32 -> hidden states (B, N, width), N at most the context. Probe: `embedded`, `layer.{i}`, `last_hidden`.
    pub fn forward(&self, ids: &Tensor, probe: &mut dyn Probe) -> Result<Tensor> {
        let highest = ids.flatten_all()?.max(0)?.to_scalar::<u32>()? as usize;
        if highest >= self.vocab {
            candle_core::bail!("token id {highest} is outside the vocabulary of {}", self.vocab);
        }
        self.body.forward(&embed(&self.tokens, ids)?, probe)
    }
}

impl ClipBody {
    /// `positional_embedding`, `transformer.resblocks.{i}.*`, `ln_final.*`.
    pub fn new(config: &ClipTextConfig, vb: VarBuilder) -> Result<Self> {
        let w = config.width;
        let normal = |stdev: f64| Init::Randn { mean: 0.0, stdev };
        let attention_std = (w as f64).powf(-0.5);
        let out_std = attention_std * (2.0 * config.layers as f64).powf(-0.5);
        let blocks = (0..config.layers)
            .map(|i| {
                let vb = vb.pp(format!("transformer.resblocks.{i}"));
                Ok(Block {
                    ln_1: LayerNorm::new(w, EPS, vb.pp("ln_1"))?,
                    attention: MultiHead::new(w, config.heads, 0.0, normal(attention_std), vb.pp("attn"))?,
                    ln_2: LayerNorm::new(w, EPS, vb.pp("ln_2"))?,
                    fc: linear(w, 4 * w, normal((2.0 * w as f64).powf(-0.5)), ZERO, vb.pp("mlp.c_fc"))?,
                    proj: linear(4 * w, w, normal(out_std), ZERO, vb.pp("mlp.c_proj"))?,
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            positions: vb.get_with_hints((config.context, w), "positional_embedding", normal(0.01))?,
            blocks,
            last: LayerNorm::new(w, EPS, vb.pp("ln_final"))?,
        })
    }

    /// Token vectors (B, N, width) -> hidden states (B, N, width). Positions look only back, so whatever follows the end
    /// of a text may be left out.
    pub fn forward(&self, tokens: &Tensor, probe: &mut dyn Probe) -> Result<Tensor> {
        let n = tokens.dim(1)?;
        let mut x = tokens.broadcast_add(&self.positions.narrow(0, 0, n)?)?;
        probe.see("embedded", &x);
        for (i, block) in self.blocks.iter().enumerate() {
            let h =
                block.attention.to_self(&block.ln_1.forward(&x)?, Among::Item, &Mask::Causal, &mut Keep)?;
            x = (x + h)?;
            let h = block.proj.forward(&quick_gelu(&block.fc.forward(&block.ln_2.forward(&x)?)?)?)?;
            x = (x + h)?;
            probe.see(&format!("layer.{i}"), &x);
        }
        let x = self.last.forward(&x)?;
        probe.see("last_hidden", &x);
        Ok(x)
    }
}

/// x·sigmoid(1.702x), CLIP's approximation of GELU.
fn quick_gelu(x: &Tensor) -> Result<Tensor> {
    x * candle_nn::ops::sigmoid(&(x * 1.702)?)?
}

/// Position of the end-of-text token of each row: the first largest id, as the reference's arg-max finds it.
pub fn end_positions(ids: &Tensor) -> Result<Vec<u32>> {
    let rows = ids.to_vec2::<u32>()?;
    Ok(rows
        .iter()
        .map(|row| {
            let highest = row.iter().max().copied().unwrap_or(0);
            row.iter().position(|&id| id == highest).unwrap_or(0) as u32
        })
        .collect())
}
