//! Which tensors, of which shapes, a model of given dimensions consists of (InterMask spec §6).
//! Files are held against this before any model is built.

use super::manifest::{Manifest, Part};
use super::memory::Memory;
use crate::models::config::{ClipTextConfig, InterMConfig, MotionLayout, VqConfig};
use crate::models::vqvae::PARTS;
use crate::motion::FEATURES;
use std::collections::BTreeMap;

/// Tensor names with their shapes.
pub type Shapes = BTreeMap<String, Vec<usize>>;

/// What one file must hold, and what it may hold besides.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expected {
    /// Must be there.
    pub required: Shapes,
    /// May be there: buffers that the models compute themselves.
    pub optional: Shapes,
    /// Whole numbers may be stored as bytes.
    pub bytes: bool,
}

/// The tensors of `part` for the dimensions of `manifest`.
pub fn part(manifest: &Manifest, part: Part) -> Expected {
    match part {
        Part::Vq => vq(&manifest.vq),
        Part::Transformer => transformer(&manifest.transformer),
        Part::Text => text(&manifest.text),
        Part::Statistics => statistics(),
        // A manifest that names these files has a memory.
        Part::Memory => manifest.memory.as_ref().map(memory).unwrap_or_default(),
        Part::Reader => manifest.memory.as_ref().map(|memory| reader(&memory.reader)).unwrap_or_default(),
    }
}

/// Feature statistics of the InterHuman layout (InterMask spec §1.6).
pub fn statistics() -> Expected {
    let mut list = List::default();
    list.add("mean", &[FEATURES]);
    list.add("std", &[FEATURES]);
    list.0
}

/// A memory: token maps of clips side by side, each `lengths` long, rows as [`crate::generate::Tokens`] has them; how many clips and how
/// many sentences of each scene are kept, and how many clips of it there were; the sentences (UTF-8, one after the other, each `letters` bytes long) and their vectors: what the reader
/// says, less `mean`, along `axes`, of any length, as 128 + v of numbers v in −127..=127.
pub fn memory(memory: &Memory) -> Expected {
    let mut list = List::default();
    list.add("ids", &[2 * PARTS, memory.tokens]);
    list.add("lengths", &[memory.clips]);
    list.add("scene_clips", &[memory.scenes]);
    list.add("scene_seen", &[memory.scenes]);
    list.add("scene_sentences", &[memory.scenes]);
    list.add("letters", &[memory.sentences]);
    list.add("text", &[memory.letters]);
    list.add("mean", &[memory.reader.width]);
    list.add("axes", &[memory.reader.width, memory.key]);
    list.add("keys", &[memory.sentences, memory.key]);
    Expected { bytes: true, ..list.0 }
}

/// VQ-VAE (InterMask spec §3).
pub fn vq(config: &VqConfig) -> Expected {
    let (w, c) = (config.width, config.code_dim);
    let mut list = List::default();
    match config.layout {
        MotionLayout::InterHuman => {
            // 12 numbers a joint: position, velocity, 6D rotation.
            list.graph("encoder.gcn_layer1", 12, w);
            list.graph("encoder.gcn_layer2", w, w);
            for stage in 0..2 {
                list.layer(&format!("encoder.model.{stage}.0"), &[w, w, 4, 4]);
                list.residual(&format!("encoder.model.{stage}.1"), w, config.depth);
            }
            list.layer("encoder.model.2", &[c, w, 3, 3]);
        }
        MotionLayout::InterX => {
            list.layer("encoder.model.0", &[w, 6, 3, 3]);
            for stage in 2..4 {
                list.layer(&format!("encoder.model.{stage}.0"), &[w, w, 6, 4]);
                list.residual(&format!("encoder.model.{stage}.1"), w, config.depth);
            }
            list.layer("encoder.model.4", &[c, w, 3, 3]);
        }
    }
    list.layer("decoder.model.0", &[w, c, 3, 3]);
    for stage in 2..4 {
        list.residual(&format!("decoder.model.{stage}.0"), w, config.depth);
        list.layer(&format!("decoder.model.{stage}.2"), &[w, w, 3, 3]);
    }
    list.layer("decoder.model.4", &[w, w, 3, 3]);
    match config.layout {
        MotionLayout::InterHuman => {
            list.graph("decoder.gcn_layer1", w, w);
            list.graph("decoder.gcn_layer2", w, 12);
        }
        MotionLayout::InterX => list.layer("decoder.model.6", &[6, w, 3, 3]),
    }
    list.add("quantizer.layers.0.codebook", &[config.codes, c]);
    list.0
}

/// Inter-M transformer with its trained text head (InterMask spec §4).
pub fn transformer(config: &InterMConfig) -> Expected {
    let (d, t) = (config.latent_dim, config.text_dim);
    let mut list = List::default();
    // Codes, then mask, pad and separator.
    list.add("token_emb.weight", &[config.codes + 3, config.code_dim]);
    list.layer("input_process.poseEmbedding", &[d, config.code_dim]);
    list.optional("position_enc.positional_encoding.inv_freq", &[d.div_ceil(4)]);
    if config.person_embedding {
        list.add("person_emb.weight", &[2, d]);
    }
    list.layer("cond_emb", &[d, t]);
    let word_layers = config.word_attention.layers(config.layers);
    if word_layers > 0 {
        list.layer("word_proj", &[d, t]);
        list.add("word_null.weight", &[1, d]);
    }
    for layer in 0..word_layers {
        let name = config.word_attention.name(layer);
        list.norm(&format!("{name}.norm_q"), d);
        list.norm(&format!("{name}.norm_kv"), d);
        list.attention(&format!("{name}.attn"), d);
        list.layer(&format!("{name}.proj"), &[d, d]);
    }
    for i in 0..config.layers {
        let block = format!("Transformer.blocks.{i}");
        list.layer(&format!("{block}.adaLN_mod_combined.model.1"), &[6 * d, d]);
        list.layer(&format!("{block}.adaLN_mod_split.model.1"), &[14 * d, d]);
        for attention in [
            "self_attn.attention",
            "spa_temp_attn.spatial_attention",
            "spa_temp_attn.temporal_attention",
            "local_inter_attn.interaction_attention",
        ] {
            list.attention(&format!("{block}.{attention}"), d);
        }
        for ffn in ["ffn_combined", "ffn_split"] {
            list.layer(&format!("{block}.{ffn}.model.0"), &[config.ff, d]);
            list.layer(&format!("{block}.{ffn}.model.3"), &[d, config.ff]);
        }
    }
    list.layer("output_process.dense", &[d, d]);
    list.layer("output_process.adaLN_mod.model.1", &[2 * d, d]);
    list.layer("output_process.poseFinal", &[config.codes, d]);
    for i in 0..config.text_head.layers {
        let layer = format!("clipTrans.layers.{i}");
        list.attention(&format!("{layer}.self_attn"), t);
        list.layer(&format!("{layer}.linear1"), &[config.text_head.ff, t]);
        list.layer(&format!("{layer}.linear2"), &[t, config.text_head.ff]);
        list.norm(&format!("{layer}.norm1"), t);
        list.norm(&format!("{layer}.norm2"), t);
    }
    list.norm("clipln", t);
    list.0
}

/// CLIP text tower under OpenAI's names, without the text projection, which InterMask does not use (spec §4.2).
pub fn text(config: &ClipTextConfig) -> Expected {
    let w = config.width;
    let mut list = List::default();
    list.add("token_embedding.weight", &[config.vocab, w]);
    list.add("positional_embedding", &[config.context, w]);
    for i in 0..config.layers {
        let block = format!("transformer.resblocks.{i}");
        list.norm(&format!("{block}.ln_1"), w);
        list.attention(&format!("{block}.attn"), w);
        list.norm(&format!("{block}.ln_2"), w);
        list.layer(&format!("{block}.mlp.c_fc"), &[4 * w, w]);
        list.layer(&format!("{block}.mlp.c_proj"), &[w, 4 * w]);
    }
    list.norm("ln_final", w);
    list.0
}

/// The text tower that reads for a memory; its words may be stored in bytes ([`super::bytes`]).
pub fn reader(config: &ClipTextConfig) -> Expected {
    let mut list = List(text(config));
    list.optional(super::bytes::SCALE, &[config.vocab]);
    Expected { bytes: true, ..list.0 }
}

#[derive(Default)]
struct List(Expected);

impl List {
    fn add(&mut self, name: &str, shape: &[usize]) {
        self.0.required.insert(name.to_owned(), shape.to_vec());
    }

    fn optional(&mut self, name: &str, shape: &[usize]) {
        self.0.optional.insert(name.to_owned(), shape.to_vec());
    }

    /// A linear or convolution layer: weight (out, in, …) and bias (out).
    fn layer(&mut self, name: &str, weight: &[usize]) {
        self.add(&format!("{name}.weight"), weight);
        self.add(&format!("{name}.bias"), &weight[..1]);
    }

    fn norm(&mut self, name: &str, width: usize) {
        self.layer(name, &[width]);
    }

    /// PyTorch's multi-head attention with packed input projection.
    fn attention(&mut self, name: &str, width: usize) {
        self.add(&format!("{name}.in_proj_weight"), &[3 * width, width]);
        self.add(&format!("{name}.in_proj_bias"), &[3 * width]);
        self.layer(&format!("{name}.out_proj"), &[width, width]);
    }

    /// GraphSAGE layer (spec §3.2): `lin` is square, `lin_r` has no bias.
    fn graph(&mut self, name: &str, input: usize, output: usize) {
        self.layer(&format!("{name}.lin"), &[input, input]);
        self.layer(&format!("{name}.lin_l"), &[output, input]);
        self.add(&format!("{name}.lin_r.weight"), &[output, input]);
    }

    fn residual(&mut self, name: &str, width: usize, depth: usize) {
        for block in 0..depth {
            self.layer(&format!("{name}.model.{block}.conv1"), &[width, width, 3, 3]);
            self.layer(&format!("{name}.model.{block}.conv2"), &[width, width, 1, 1]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::config::{Activation, Places, TextHeadConfig, WordAttention};

    fn count(expected: &Expected) -> usize {
        expected.required.values().map(|shape| shape.iter().product::<usize>()).sum()
    }

    /// The published sizes have the published number of parameters (InterMask spec §6).
    #[test]
    fn official_dimensions_have_the_official_parameter_counts() {
        let official = |layout| VqConfig {
            layout,
            width: 512,
            code_dim: 512,
            codes: 1024,
            depth: 2,
            dilation_growth: 3,
            places: Places::World,
            activation: Activation::Relu,
        };
        assert_eq!(count(&vq(&official(MotionLayout::InterHuman))), 43_031_208 + 524_288);
        assert_eq!(count(&vq(&official(MotionLayout::InterX))), 45_418_502 + 524_288);
        let mut inter_m = InterMConfig {
            codes: 1024,
            code_dim: 512,
            latent_dim: 384,
            heads: 6,
            layers: 6,
            ff: 1024,
            text_dim: 768,
            person_embedding: false,
            single_residual: false,
            word_attention: WordAttention::Off,
            text_head: TextHeadConfig { layers: 2, heads: 8, ff: 2048 },
        };
        assert_eq!(count(&transformer(&inter_m)), 54_272_896);
        // Two norms, packed attention and projection a layer; the words' projection and the null word once.
        let (layer, once) = (4 * 384 + 5 * 384 * 384 + 5 * 384, 768 * 384 + 2 * 384);
        for (place, layers) in [(WordAttention::Pre, 1), (WordAttention::Blocks, 6)] {
            inter_m.word_attention = place;
            assert_eq!(count(&transformer(&inter_m)), 54_272_896 + once + layers * layer, "{place:?}");
        }
        let clip = ClipTextConfig { width: 768, heads: 12, layers: 12, vocab: 49408, context: 77 };
        assert_eq!(count(&text(&clip)), 123_060_480);
    }
}
