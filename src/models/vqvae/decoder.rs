//! Code vectors to motion (InterMask spec §3.3).

use super::graph::{GraphMode, GraphSage};
use super::layout;
use super::residual::ResidualStack;
use crate::models::config::{MotionLayout, Places, VqConfig};
use crate::nn::conv::{Conv2d, same};
use crate::nn::dropout::Dropout;
use crate::nn::ops;
use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

enum Back {
    Graph(GraphSage, GraphSage),
    Conv(Conv2d),
}

/// Projection from code vectors, two doubling stages, back to joint channels.
pub struct Decoder {
    first: Conv2d,
    stages: Vec<(ResidualStack, Conv2d)>,
    mix: Conv2d,
    back: Back,
    /// Growth of the body axis per stage.
    growth: [f64; 2],
    /// Where each joint of the skeleton is among the rows; `None`: in its own order.
    order: Option<Vec<u32>>,
}

impl Decoder {
    pub fn new(config: &VqConfig, vb: VarBuilder) -> Result<Self> {
        let (width, channels) = (config.width, layout::channels(config.layout));
        let model = vb.pp("model");
        let stages = (2..4)
            .map(|i| {
                let vb = model.pp(i);
                let residual = ResidualStack::new(config, vb.pp(0))?;
                Ok((residual, Conv2d::new(width, width, same(3, 1), vb.pp(2))?))
            })
            .collect::<Result<_>>()?;
        let (back, growth) = match config.layout {
            MotionLayout::InterHuman => {
                let back = Back::Graph(
                    GraphSage::new(width, width, vb.pp("gcn_layer1"))?,
                    GraphSage::new(width, channels, vb.pp("gcn_layer2"))?,
                );
                (back, [2.2, 2.0])
            }
            MotionLayout::InterX => {
                (Back::Conv(Conv2d::new(width, channels, same(3, 1), model.pp(6))?), [3.5, 3.3])
            }
        };
        Ok(Self {
            first: Conv2d::new(config.code_dim, width, same(3, 1), model.pp(0))?,
            stages,
            mix: Conv2d::new(width, width, same(3, 1), model.pp(4))?,
            back,
            growth,
            order: (config.places == Places::Body).then(layout::from_body_order),
        })
    }

    /// (B, L, 5, code_dim) -> (B, 4L, J, C).
    pub fn forward(&self, z: &Tensor, graph: GraphMode, drop: &mut dyn Dropout) -> Result<Tensor> {
        let mut x = ops::relu(&self.first.forward(z)?)?;
        for ((residual, conv), growth) in self.stages.iter().zip(self.growth) {
            x = residual.forward(&x, drop)?;
            x = conv.forward(&upsample(&x, growth)?)?;
        }
        let mut x = ops::relu(&self.mix.forward(&x)?)?;
        if let Some(order) = &self.order {
            x = ops::pick(&x, (0..).take(x.dim(1)?).collect(), order.clone())?;
        }
        match &self.back {
            Back::Graph(a, b) => b.forward(&ops::relu(&a.forward(&x, graph)?)?, graph),
            Back::Conv(conv) => conv.forward(&x),
        }
    }
}

/// Source row of each output row when `rows` grow by `scale` (nearest neighbour): floor(out·(1/scale)) in f32, as
/// PyTorch's `Upsample` with a scale factor computes it; output rows are floor(rows·scale).
pub fn nearest_rows(rows: usize, scale: f64) -> Vec<u32> {
    let out = (rows as f64 * scale).floor() as usize;
    let step = (1.0 / scale) as f32;
    (0..out).map(|i| ((i as f32 * step).floor() as u32).min(rows as u32 - 1)).collect()
}

/// Nearest-neighbour growth: time by two, joints by `growth`.
fn upsample(x: &Tensor, growth: f64) -> Result<Tensor> {
    ops::pick(x, nearest_rows(x.dim(1)?, 2.0), nearest_rows(x.dim(2)?, growth))
}
