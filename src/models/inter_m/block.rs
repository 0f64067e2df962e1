//! One Inter-M block (InterMask spec §4.3): joint self-attention, then per person spatio-temporal attention and
//! cross-attention to the other, each with its feed-forward, all modulated by the condition.

use super::feed_forward::FeedForward;
use super::{DROPOUT, EPS};
use crate::models::config::InterMConfig;
use crate::models::vqvae::PARTS;
use crate::nn::attention::MultiHead;
use crate::nn::dropout::Dropout;
use crate::nn::linear::{Linear, NORMAL_02, ZERO, linear};
use crate::nn::ops::{self, Mask, modulate};
use crate::nn::probe::Probe;
use candle_core::{Module, Result, Tensor};
use candle_nn::VarBuilder;

pub struct Block {
    modulate_joint: Linear,
    self_attention: MultiHead,
    ffn_joint: FeedForward,
    modulate_split: Linear,
    spatial: MultiHead,
    temporal: MultiHead,
    cross: MultiHead,
    ffn_split: FeedForward,
}

/// Which keys are real.
pub struct Masks {
    /// (B, 10L+1)
    pub joint: Mask,
    /// (2B, 5L)
    pub person: Mask,
    /// (2B·5, L)
    pub temporal: Mask,
}

/// What all blocks of one forward pass share.
pub struct Pass<'a> {
    pub masks: &'a Masks,
    /// Token frames of the batch's maps, L.
    pub frames: usize,
    pub drop: &'a mut dyn Dropout,
    pub probe: &'a mut dyn Probe,
}

impl Pass<'_> {
    /// Shows the probe both halves of rows (2B, 5L, d).
    fn show_persons(&mut self, name: &str, rows: &Tensor) -> Result<()> {
        let b = rows.dim(0)? / 2;
        self.probe.see(&format!("{name}.person1"), &rows.narrow(0, 0, b)?);
        self.probe.see(&format!("{name}.person2"), &rows.narrow(0, b, b)?);
        Ok(())
    }
}

/// Shifts, scales and gates of one block for one batch of conditions, (B or 2B, 1, d) each.
pub struct BlockModulation {
    joint: [Tensor; 6],
    /// Both persons share them, so they are stacked twice.
    split: [Tensor; 14],
}

impl Block {
    pub fn new(config: &InterMConfig, vb: VarBuilder) -> Result<Self> {
        let (d, heads) = (config.latent_dim, config.heads);
        let attention = |name: &str| MultiHead::new(d, heads, DROPOUT, NORMAL_02, vb.pp(name));
        Ok(Self {
            modulate_joint: linear(d, 6 * d, ZERO, ZERO, vb.pp("adaLN_mod_combined.model.1"))?,
            self_attention: attention("self_attn.attention")?,
            ffn_joint: FeedForward::new(d, config.ff, vb.pp("ffn_combined"))?,
            modulate_split: linear(d, 14 * d, ZERO, ZERO, vb.pp("adaLN_mod_split.model.1"))?,
            spatial: attention("spa_temp_attn.spatial_attention")?,
            temporal: attention("spa_temp_attn.temporal_attention")?,
            cross: attention("local_inter_attn.interaction_attention")?,
            ffn_split: FeedForward::new(d, config.ff, vb.pp("ffn_split"))?,
        })
    }

    pub fn modulation(
        &self,
        condition: &Tensor,
        name: &str,
        probe: &mut dyn Probe,
    ) -> Result<BlockModulation> {
        let c = condition.silu()?;
        let joint = self.modulate_joint.forward(&c)?;
        let split = self.modulate_split.forward(&c)?;
        probe.see(&format!("{name}.adaLN_combined"), &joint);
        probe.see(&format!("{name}.adaLN_split"), &split);
        Ok(BlockModulation { joint: chunks(&joint)?, split: chunks(&Tensor::cat(&[&split, &split], 0)?)? })
    }

    /// (B, 10L+1, d) -> (B, 10L+1, d); the probe sees what happens under `name`.
    pub fn forward(
        &self,
        x: &Tensor,
        m: &BlockModulation,
        name: &str,
        pass: &mut Pass<'_>,
    ) -> Result<Tensor> {
        let [shift_a, scale_a, gate_a, shift_f, scale_f, gate_f] = &m.joint;
        let h = modulate(&ops::layer_norm(x, EPS)?, shift_a, scale_a)?;
        let h = self.self_attention.to_self(&h, &pass.masks.joint, pass.drop)?;
        let x = ops::gated(x, &h, gate_a)?;
        pass.probe.see(&format!("{name}.self_attn"), &x);
        let h =
            self.ffn_joint.forward(&modulate(&ops::layer_norm(&x, EPS)?, shift_f, scale_f)?, pass.drop)?;
        let x = ops::gated(&x, &h, gate_f)?;
        pass.probe.see(&format!("{name}.ffn_combined"), &x);

        // Both persons as one batch: they share weights and modulation.
        let (b, person) = (x.dim(0)?, PARTS * pass.frames);
        let separator = x.narrow(1, person, 1)?;
        let own = Tensor::cat(&[x.narrow(1, 0, person)?, x.narrow(1, person + 1, person)?], 0)?;
        let own = self.split(&own, m, name, pass)?;
        let out = Tensor::cat(&[&own.narrow(0, 0, b)?, &separator, &own.narrow(0, b, b)?], 1)?;
        pass.probe.see(&format!("{name}.out"), &out);
        Ok(out)
    }

    /// The per-person half on stacked rows (2B, 5L, d): person 1 of every clip, then person 2.
    fn split(&self, own: &Tensor, m: &BlockModulation, name: &str, pass: &mut Pass<'_>) -> Result<Tensor> {
        let [shift_s, scale_s, gate_s, shift_t, scale_t, gate_t, rest @ ..] = &m.split;
        let [shift_q, scale_q, shift_kv, scale_kv, gate_c, shift_f, scale_f, gate_f] = rest;
        let b = own.dim(0)? / 2;
        let normed = ops::layer_norm(own, EPS)?;
        let spatial = self.spatial(&modulate(&normed, shift_s, scale_s)?, pass)?;
        let temporal = self.temporal(&modulate(&normed, shift_t, scale_t)?, pass)?;
        // Upstream adds two streams that each hold the residual, so it counts twice; weights depend on it.
        let y = (ops::gated(own, &spatial, gate_s)? + ops::gated(own, &temporal, gate_t)?)?;
        pass.show_persons(&format!("{name}.spa_temp_attn"), &y)?;

        // Keys come from the other person as it was before spatio-temporal attention.
        let other = Tensor::cat(&[normed.narrow(0, b, b)?, normed.narrow(0, 0, b)?], 0)?;
        let q = modulate(&ops::layer_norm(&y, EPS)?, shift_q, scale_q)?;
        let kv = modulate(&other, shift_kv, scale_kv)?;
        let h = self.cross.to_other(&q, &kv, &pass.masks.person, pass.drop)?;
        let z = ops::gated(&y, &h, gate_c)?;
        pass.show_persons(&format!("{name}.local_inter_attn"), &z)?;

        let h =
            self.ffn_split.forward(&modulate(&ops::layer_norm(&z, EPS)?, shift_f, scale_f)?, pass.drop)?;
        let out = ops::gated(&z, &h, gate_f)?;
        pass.show_persons(&format!("{name}.ffn_split"), &out)?;
        Ok(out)
    }

    /// Attention over the five parts of each time step; padding is not masked, as upstream.
    fn spatial(&self, x: &Tensor, pass: &mut Pass<'_>) -> Result<Tensor> {
        let ((n, _, d), frames) = (x.dims3()?, pass.frames);
        let x = x.reshape((n, PARTS, frames, d))?.transpose(1, 2)?.reshape((n * frames, PARTS, d))?;
        let y = self.spatial.to_self(&x, &Mask::None, pass.drop)?;
        y.reshape((n, frames, PARTS, d))?.transpose(1, 2)?.reshape((n, PARTS * frames, d))
    }

    /// Attention over time for each part.
    fn temporal(&self, x: &Tensor, pass: &mut Pass<'_>) -> Result<Tensor> {
        let ((n, _, d), frames) = (x.dims3()?, pass.frames);
        let x = x.reshape((n * PARTS, frames, d))?;
        self.temporal.to_self(&x, &pass.masks.temporal, pass.drop)?.reshape((n, PARTS * frames, d))
    }
}

/// (B, N·d) -> N tensors (B, 1, d).
fn chunks<const N: usize>(x: &Tensor) -> Result<[Tensor; N]> {
    let parts: Vec<Tensor> = x.unsqueeze(1)?.chunk(N, 2)?;
    parts.try_into().map_err(|_| candle_core::Error::Msg("uneven modulation".into()).bt())
}
