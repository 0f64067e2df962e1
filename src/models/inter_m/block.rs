//! One Inter-M block (InterMask spec §4.3): joint self-attention, then per person spatio-temporal attention and
//! cross-attention to the other, each with its feed-forward, all modulated by the condition.

use super::feed_forward::FeedForward;
use super::{DROPOUT, EPS};
use crate::models::config::InterMConfig;
use crate::nn::attention::MultiHead;
use crate::nn::dropout::Dropout;
use crate::nn::linear::{Linear, NORMAL_02, ZERO, linear};
use crate::nn::ops::{self, Among, Mask, norm_modulate};
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
    single_residual: bool,
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
            single_residual: config.single_residual,
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
        let h = norm_modulate(x, shift_a, scale_a, EPS)?;
        let h = self.self_attention.to_self(&h, Among::Item, &pass.masks.joint, pass.drop)?;
        let x = ops::gated(x, &h, gate_a)?;
        pass.probe.see(&format!("{name}.self_attn"), &x);
        let h = self.ffn_joint.forward(&norm_modulate(&x, shift_f, scale_f, EPS)?, pass.drop)?;
        let x = ops::gated(&x, &h, gate_f)?;
        pass.probe.see(&format!("{name}.ffn_combined"), &x);

        // Both persons as one batch: they share weights and modulation.
        let own = self.split(&ops::persons(&x)?, m, name, pass)?;
        let out = ops::together(&own, &x)?;
        pass.probe.see(&format!("{name}.out"), &out);
        Ok(out)
    }

    /// The per-person half on stacked rows (2B, 5L, d): person 1 of every clip, then person 2.
    fn split(&self, own: &Tensor, m: &BlockModulation, name: &str, pass: &mut Pass<'_>) -> Result<Tensor> {
        let [shift_s, scale_s, gate_s, shift_t, scale_t, gate_t, rest @ ..] = &m.split;
        let [shift_q, scale_q, shift_kv, scale_kv, gate_c, shift_f, scale_f, gate_f] = rest;
        let masks = pass.masks;
        // Attention over the five parts of each time step (padding is not masked, as upstream), and over time for each part.
        let h = norm_modulate(own, shift_s, scale_s, EPS)?;
        let spatial = self.spatial.to_self(&h, Among::Across(pass.frames), &Mask::None, pass.drop)?;
        let h = norm_modulate(own, shift_t, scale_t, EPS)?;
        let temporal = self.temporal.to_self(&h, Among::Runs(pass.frames), &masks.temporal, pass.drop)?;
        let y = if self.single_residual {
            ops::gated(&ops::gated(own, &spatial, gate_s)?, &temporal, gate_t)?
        } else {
            // Upstream adds two streams that each hold the residual, so it counts twice; weights depend on it.
            (ops::gated(own, &spatial, gate_s)? + ops::gated(own, &temporal, gate_t)?)?
        };
        pass.show_persons(&format!("{name}.spa_temp_attn"), &y)?;

        // Keys come from the other person as it was before spatio-temporal attention.
        let q = norm_modulate(&y, shift_q, scale_q, EPS)?;
        let kv = norm_modulate(own, shift_kv, scale_kv, EPS)?;
        let h = self.cross.to_partner(&q, &kv, &masks.person, pass.drop)?;
        let z = ops::gated(&y, &h, gate_c)?;
        pass.show_persons(&format!("{name}.local_inter_attn"), &z)?;

        let h = self.ffn_split.forward(&norm_modulate(&z, shift_f, scale_f, EPS)?, pass.drop)?;
        let out = ops::gated(&z, &h, gate_f)?;
        pass.show_persons(&format!("{name}.ffn_split"), &out)?;
        Ok(out)
    }
}

/// (B, N·d) -> N tensors (B, 1, d).
fn chunks<const N: usize>(x: &Tensor) -> Result<[Tensor; N]> {
    let parts: Vec<Tensor> = x.unsqueeze(1)?.chunk(N, 2)?;
    parts.try_into().map_err(|_| candle_core::Error::Msg("uneven modulation".into()).bt())
}
