//! Dimensions of the models, as model packages state them.

use serde::{Deserialize, Serialize};

/// Which motion representation a VQ-VAE works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MotionLayout {
    /// (B, T, 262): InterMask spec §1.
    InterHuman,
    /// (B, T, 56, 6): InterMask spec §2.
    InterX,
}

/// Activation inside the VQ-VAE's residual blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// max(x, 0), the default.
    #[default]
    Relu,
    /// x·sigmoid(x).
    Silu,
    /// Exact (erf) GELU.
    Gelu,
}

/// VQ-VAE dimensions (InterMask spec §3, §8). One quantiser, time stride 4.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VqConfig {
    /// Motion representation.
    pub layout: MotionLayout,
    /// Channels inside encoder and decoder.
    pub width: usize,
    /// Length of a code vector (upstream `code_dim` = `output_emb_width`).
    pub code_dim: usize,
    /// Codebook size (upstream `nb_code`).
    pub codes: usize,
    /// Residual blocks per stage.
    pub depth: usize,
    /// Dilation of block i is `dilation_growth^(depth-1-i)`.
    pub dilation_growth: usize,
    /// Residual activation.
    #[serde(default)]
    pub activation: Activation,
    /// What joints are placed relative to inside the model.
    #[serde(default, skip_serializing_if = "Places::is_world")]
    pub places: Places,
}

/// What a VQ-VAE places joints relative to. A small codebook that says 22 times where on the floor a person is and which way they
/// face has few codes left for poses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Places {
    /// The room, as in the official architecture
    #[default]
    World,
    /// The person's pelvis, on the floor plan
    Pelvis,
    /// The pelvis and the way the body faces; each of the five token rows then stands for one part of the body: trunk and head,
    /// left leg, right leg, left arm, right arm
    Body,
}

impl Places {
    fn is_world(&self) -> bool {
        *self == Self::World
    }
}

/// Trained head over the text tower: post-LN transformer encoder (InterMask spec §4.2).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextHeadConfig {
    /// Encoder layers (official 2).
    pub layers: usize,
    /// Attention heads (official 8).
    pub heads: usize,
    /// Feed-forward width (official 2048).
    pub ff: usize,
}

/// Where the two people's tokens look at the single words of the text (InterMask spec §9.2), besides the sentence vector
/// that modulates every layer.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum WordAttention {
    /// Nowhere: the official architecture
    #[default]
    Off,
    /// Once, before the first block
    Pre,
    /// Before every block, each time with weights of its own
    Blocks,
}

impl WordAttention {
    /// Word attention layers of a transformer of `blocks` blocks; layer i stands before block i.
    pub fn layers(self, blocks: usize) -> usize {
        match self {
            Self::Off => 0,
            Self::Pre => 1,
            Self::Blocks => blocks,
        }
    }

    /// Prefix of the tensor names of layer `layer`.
    pub fn name(self, layer: usize) -> String {
        match self {
            Self::Off | Self::Pre => "word_attn".to_owned(),
            Self::Blocks => format!("word_attn.{layer}"),
        }
    }

    fn is_off(&self) -> bool {
        *self == Self::Off
    }
}

/// Inter-M transformer dimensions (InterMask spec §4).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InterMConfig {
    /// Codebook size K; ids K, K+1, K+2 are mask, pad, separator.
    pub codes: usize,
    /// Width of the token table (official 512).
    pub code_dim: usize,
    /// Transformer width d (official 384).
    pub latent_dim: usize,
    /// Attention heads (official 6).
    pub heads: usize,
    /// Blocks (official 6).
    pub layers: usize,
    /// Feed-forward width (official 1024).
    pub ff: usize,
    /// Width of the text tower (official 768).
    pub text_dim: usize,
    /// Tell the two people apart by a learned vector each. Off = official architecture, which treats them alike and leaves
    /// it to sampling noise to give them different parts (InterMask spec §4.1).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub person_embedding: bool,
    /// Count what comes to a block once. Off = official architecture, in which it counts twice after spatio-temporal attention, so
    /// that the last of six blocks has to speak 32 times as loud as the first to be heard as well (InterMask spec §4.3).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub single_residual: bool,
    /// Where the tokens look at the words. Off = official architecture.
    #[serde(default, skip_serializing_if = "WordAttention::is_off")]
    pub word_attention: WordAttention,
    /// The trained text head.
    pub text_head: TextHeadConfig,
}

/// CLIP text tower dimensions (InterMask spec §4.2; Radford et al. 2021).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClipTextConfig {
    /// Channels (ViT-L/14: 768).
    pub width: usize,
    /// Attention heads (12).
    pub heads: usize,
    /// Layers (12).
    pub layers: usize,
    /// Vocabulary (49408).
    pub vocab: usize,
    /// Context length (77).
    pub context: usize,
}
