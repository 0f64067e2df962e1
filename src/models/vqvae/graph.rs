//! The GraphSAGE layers at both ends of the InterHuman VQ-VAE (InterMask spec §3.2).

use crate::nn::linear::{Linear, linear, torch_default};
use crate::nn::ops::{self, After};
use candle_core::{Device, Module, Result, Tensor};
use candle_nn::VarBuilder;

/// Which frames get messages from neighbouring joints.
///
/// Upstream's edge list is never offset, so of a whole batch only frame 0 of item 0 has neighbours, and a clip's result
/// depends on its place in the batch. Trained weights rely on it, so it is kept, per clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GraphMode {
    /// Frame 0 of every clip, as if each were alone in its batch: equals upstream at batch size 1.
    PerClip,
    /// Frame 0 of item 0 only: upstream's exact batch behaviour, for parity tests and upstream-exact training.
    UpstreamBatch,
}

/// The 21 bones of the kinematic chains (InterMask spec §1).
pub const BONES: [(usize, usize); 21] = [
    (0, 2),
    (2, 5),
    (5, 8),
    (8, 11),
    (0, 1),
    (1, 4),
    (4, 7),
    (7, 10),
    (0, 3),
    (3, 6),
    (6, 9),
    (9, 12),
    (12, 15),
    (9, 14),
    (14, 17),
    (17, 19),
    (19, 21),
    (9, 13),
    (13, 16),
    (16, 18),
    (18, 20),
];
const JOINTS: usize = 22;

/// One layer: out_i = lin_r(x_i) + lin_l(mean over neighbours j of relu(lin(x_j))).
#[derive(Clone, Debug)]
pub struct GraphSage {
    lin: Linear,
    lin_l: Linear,
    lin_r: Tensor,
    /// (22, 22): row i averages over the neighbours of i.
    mean: Tensor,
}

impl GraphSage {
    /// Names `lin`, `lin_l` (with bias) and `lin_r` (without).
    pub fn new(input: usize, output: usize, vb: VarBuilder) -> Result<Self> {
        let init = torch_default(input);
        Ok(Self {
            lin: linear(input, input, init, init, vb.pp("lin"))?,
            lin_l: linear(input, output, init, init, vb.pp("lin_l"))?,
            lin_r: vb.get_with_hints((output, input), "lin_r.weight", init)?,
            mean: neighbour_mean(vb.device())?,
        })
    }

    /// (B, T, 22, Ci) -> (B, T, 22, Co).
    pub fn forward(&self, x: &Tensor, mode: GraphMode) -> Result<Tensor> {
        let (b, _, j, c) = x.dims4()?;
        let own = ops::linear(x, &self.lin_r, self.lin_l.bias(), After::Nothing)?;
        let clips = match mode {
            GraphMode::PerClip => b,
            GraphMode::UpstreamBatch => 1,
        };
        let first = x.narrow(0, 0, clips)?.narrow(1, 0, 1)?.reshape((clips * j, c))?;
        let sent = self.lin.forward(&first)?.relu()?.reshape((clips, j, c))?;
        let message =
            self.mean.broadcast_left(clips)?.contiguous()?.matmul(&sent)?.reshape((clips * j, c))?;
        let message = message.matmul(&self.lin_l.weight().t()?)?.reshape((clips, 1, j, ()))?;
        // No message anywhere else.
        ops::add_to_first(&own, &message)
    }
}

fn neighbour_mean(device: &Device) -> Result<Tensor> {
    let mut adjacent = [[0f32; JOINTS]; JOINTS];
    for (a, b) in BONES {
        adjacent[a][b] = 1.0;
        adjacent[b][a] = 1.0;
    }
    for row in &mut adjacent {
        let degree: f32 = row.iter().sum();
        row.iter_mut().for_each(|v| *v /= degree);
    }
    Tensor::new(&adjacent, device)
}
