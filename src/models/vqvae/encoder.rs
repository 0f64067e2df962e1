//! Motion to latents (InterMask spec §3.2).

use super::graph::{GraphMode, GraphSage};
use super::layout;
use super::residual::ResidualStack;
use crate::models::config::{MotionLayout, Places, VqConfig};
use crate::nn::conv::{Conv2d, same};
use crate::nn::dropout::Dropout;
use crate::nn::ops::{self, ConvGeometry};
use crate::nn::probe::Probe;
use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

enum Front {
    Graph(GraphSage, GraphSage),
    Conv(Conv2d),
}

/// Front-end, two halving stages, projection to code vectors.
pub struct Encoder {
    front: Front,
    stages: Vec<(Conv2d, ResidualStack)>,
    last: Conv2d,
    /// Order of the joints from the front-end on; `None` is the skeleton's.
    order: Option<Vec<u32>>,
}

/// Stages, each halving time; fixed by the reference's five body parts and stride of four.
const STAGES: usize = 2;

impl Encoder {
    pub fn new(config: &VqConfig, vb: VarBuilder) -> Result<Self> {
        let (width, channels) = (config.width, layout::channels(config.layout));
        let model = vb.pp("model");
        // Sequential indices: Inter-X has its first convolution and a ReLU in front.
        let (front, base, down) = match config.layout {
            MotionLayout::InterHuman => {
                let front = Front::Graph(
                    GraphSage::new(channels, width, vb.pp("gcn_layer1"))?,
                    GraphSage::new(width, width, vb.pp("gcn_layer2"))?,
                );
                (front, 0, halving(4, 2))
            }
            MotionLayout::InterX => {
                (Front::Conv(Conv2d::new(channels, width, same(3, 1), model.pp(0))?), 2, halving(6, 3))
            }
        };
        let stages = (0..STAGES)
            .map(|i| {
                let vb = model.pp(base + i);
                Ok((Conv2d::new(width, width, down, vb.pp(0))?, ResidualStack::new(config, vb.pp(1))?))
            })
            .collect::<Result<_>>()?;
        let last = Conv2d::new(width, config.code_dim, same(3, 1), model.pp(base + STAGES))?;
        let order = (config.places == Places::Body).then(|| layout::BODY_ORDER.to_vec());
        Ok(Self { front, stages, last, order })
    }

    /// (B, T, J, C) -> (B, T/4, 5, code_dim).
    pub fn forward(
        &self,
        x: &Tensor,
        graph: GraphMode,
        drop: &mut dyn Dropout,
        probe: &mut dyn Probe,
    ) -> Result<Tensor> {
        let mut x = match &self.front {
            Front::Graph(a, b) => {
                let x = ops::relu(&a.forward(x, graph)?)?;
                let x = ops::relu(&b.forward(&x, graph)?)?;
                probe.see("enc_gcn_out", &x.permute((0, 3, 2, 1))?);
                x
            }
            Front::Conv(conv) => ops::relu(&conv.forward(x)?)?,
        };
        if let Some(order) = &self.order {
            x = ops::pick(&x, (0..).take(x.dim(1)?).collect(), order.clone())?;
        }
        for (down, residual) in &self.stages {
            x = residual.forward(&down.forward(&x)?, drop)?;
        }
        self.last.forward(&x)
    }
}

/// Halves time and divides joints by `stride`, with a kernel of `joints` taps across the body.
fn halving(joints: usize, stride: usize) -> ConvGeometry {
    ConvGeometry { kernel: (4, joints), stride: (2, stride), padding: (1, 1), dilation: (1, 1) }
}
