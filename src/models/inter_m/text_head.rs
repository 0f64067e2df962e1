//! The trained head over the text tower: post-LN transformer encoder and norm (InterMask spec §4.2).

use crate::models::config::InterMConfig;
use crate::nn::attention::MultiHead;
use crate::nn::dropout::Dropout;
use crate::nn::linear::{Linear, linear, torch_default, xavier};
use crate::nn::norm::LayerNorm;
use crate::nn::ops::{Among, Mask};
use candle_core::{Module, Result, Tensor};
use candle_nn::VarBuilder;

const EPS: f32 = 1e-5;
const DROPOUT: f32 = 0.1;

/// `clipTrans` and `clipln` of the checkpoints.
pub struct TextHead {
    layers: Vec<Layer>,
    norm: LayerNorm,
}

struct Layer {
    attention: MultiHead,
    linear1: Linear,
    linear2: Linear,
    norm1: LayerNorm,
    norm2: LayerNorm,
}

impl TextHead {
    pub(super) fn new(config: &InterMConfig, vb: VarBuilder) -> Result<Self> {
        let (d, head) = (config.text_dim, &config.text_head);
        let layers = (0..head.layers)
            .map(|i| {
                let vb = vb.pp(format!("clipTrans.layers.{i}"));
                Ok(Layer {
                    attention: MultiHead::new(d, head.heads, DROPOUT, xavier(d, 3 * d), vb.pp("self_attn"))?,
                    linear1: linear(d, head.ff, torch_default(d), torch_default(d), vb.pp("linear1"))?,
                    linear2: linear(
                        head.ff,
                        d,
                        torch_default(head.ff),
                        torch_default(head.ff),
                        vb.pp("linear2"),
                    )?,
                    norm1: LayerNorm::new(d, EPS, vb.pp("norm1"))?,
                    norm2: LayerNorm::new(d, EPS, vb.pp("norm2"))?,
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self { layers, norm: LayerNorm::new(d, EPS, vb.pp("clipln"))? })
    }

    /// Hidden states (B, 77, text_dim) -> (B, 77, text_dim). All positions attend to all, padding included, as upstream.
    pub fn forward(&self, hidden: &Tensor, drop: &mut dyn Dropout) -> Result<Tensor> {
        let mut x = hidden.clone();
        for layer in &self.layers {
            let h = layer.attention.to_self(&x, Among::Item, &Mask::None, drop)?;
            x = layer.norm1.forward(&(x + drop.apply(&h, DROPOUT)?)?)?;
            let h = drop.apply(&layer.linear1.with_gelu(&x)?, DROPOUT)?;
            let h = layer.linear2.forward(&h)?;
            x = layer.norm2.forward(&(x + drop.apply(&h, DROPOUT)?)?)?;
        }
        self.norm.forward(&x)
    }

    /// Sentence vectors (B, text_dim): the row of [`TextHead::forward`]'s result at each end-of-text position.
    pub fn sentence(&self, encoded: &Tensor, ends: &[u32]) -> Result<Tensor> {
        let (b, n, d) = encoded.dims3()?;
        let rows: Vec<u32> = ends.iter().enumerate().map(|(i, &end)| (i * n) as u32 + end).collect();
        let rows = Tensor::from_vec(rows, b, encoded.device())?;
        encoded.reshape((b * n, d))?.index_select(&rows, 0)
    }
}
