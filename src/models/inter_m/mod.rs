//! The Inter-M transformer: collaborative masked modelling of two people's token maps (InterMask spec §4).

mod block;
mod embedding;
mod feed_forward;
mod head;
mod text;
mod text_head;
mod words;

pub use block::BlockModulation;
pub use text::TextFeatures;
pub use text_head::TextHead;

use super::config::InterMConfig;
use super::vqvae::PARTS;
use crate::nn::dropout::Dropout;
use crate::nn::linear::{Linear, NORMAL_02, ZERO, linear};
use crate::nn::ops::{self, Mask};
use crate::nn::probe::Probe;
use candle_core::{Module, Result, Tensor};
use candle_nn::VarBuilder;

/// Upstream's dropout in embedding, attention and feed-forward layers.
const DROPOUT: f32 = 0.2;
/// Norms of the blocks and the output head; they have no gain or shift of their own.
const EPS: f32 = 1e-6;

/// Text head, token embedding, blocks and output head; the text tower itself is not part of it. Word attention where the
/// configuration asks for it.
pub struct InterM {
    config: InterMConfig,
    /// Trained head over the text tower.
    pub text_head: TextHead,
    cond_emb: Linear,
    embedding: embedding::TokenEmbedding,
    words: Option<words::WordLayers>,
    blocks: Vec<block::Block>,
    head: head::OutputHead,
}

/// Everything that depends on the text alone, worked out once a request and used at every decoding step.
pub struct Modulation {
    words: Option<words::WordKeys>,
    blocks: Vec<BlockModulation>,
    head: head::HeadModulation,
}

/// Which positions of a batch are real; shared by all steps of a generation.
pub struct Lengths {
    /// Token frames of each clip.
    pub lengths: Vec<usize>,
    /// Token frames of the batch's maps, L.
    pub padded: usize,
    masks: block::Masks,
}

impl Lengths {
    /// Clips of `lengths` token frames in maps of `padded` token frames.
    pub fn new(lengths: &[usize], padded: usize) -> Self {
        let frames = |l: usize| (0..padded).map(move |t| t < l);
        let person: Vec<Vec<bool>> =
            lengths.iter().map(|&l| (0..PARTS).flat_map(|_| frames(l)).collect()).collect();
        let joint: Vec<Vec<bool>> = person
            .iter()
            .map(|p| p.iter().copied().chain([true]).chain(p.iter().copied()).collect())
            .collect();
        // Split attentions run both persons stacked: rows of person 1, then rows of person 2.
        let both: Vec<Vec<bool>> = person.iter().chain(&person).cloned().collect();
        let temporal: Vec<Vec<bool>> = lengths
            .iter()
            .chain(lengths)
            .flat_map(|&l| (0..PARTS).map(move |_| frames(l).collect()))
            .collect();
        let masks = block::Masks {
            joint: Mask::keys(&joint),
            person: Mask::keys(&both),
            temporal: Mask::keys(&temporal),
        };
        Self { lengths: lengths.to_vec(), padded, masks }
    }
}

impl InterM {
    /// Names as in official checkpoints (InterMask spec §6).
    pub fn new(config: &InterMConfig, vb: VarBuilder) -> Result<Self> {
        let blocks = (0..config.layers)
            .map(|i| block::Block::new(config, vb.pp(format!("Transformer.blocks.{i}"))))
            .collect::<Result<_>>()?;
        Ok(Self {
            config: config.clone(),
            text_head: TextHead::new(config, vb.clone())?,
            cond_emb: linear(config.text_dim, config.latent_dim, NORMAL_02, ZERO, vb.pp("cond_emb"))?,
            embedding: embedding::TokenEmbedding::new(config, vb.clone())?,
            words: words::WordLayers::new(config, vb.clone())?,
            blocks,
            head: head::OutputHead::new(config, vb.pp("output_process"))?,
        })
    }

    /// Dimensions.
    pub fn config(&self) -> &InterMConfig {
        &self.config
    }

    /// Id of a masked position.
    pub fn mask_id(&self) -> u32 {
        self.config.codes as u32
    }

    /// Id of a padded position.
    pub fn pad_id(&self) -> u32 {
        self.config.codes as u32 + 1
    }

    /// Texts as the text tower leaves them, (B, 77, text_dim) with the end-of-text position of each, through the text head.
    pub fn text(&self, hidden: &Tensor, ends: &[u32], drop: &mut dyn Dropout) -> Result<TextFeatures> {
        let encoded = self.text_head.forward(hidden, drop)?;
        let text = TextFeatures::of_sentences(&self.text_head.sentence(&encoded, ends)?);
        if self.words.is_some() { text.with_words(hidden, ends) } else { Ok(text) }
    }

    /// Condition vectors (B, d) of sentence vectors (B, text_dim); all-zero sentence vectors are the unconditional case.
    pub fn condition(&self, sentence: &Tensor) -> Result<Tensor> {
        self.cond_emb.forward(sentence)
    }

    /// Shifts, scales and gates for a batch of texts, and their words as keys and values.
    ///
    /// Probe: `cond_embedded` (B, d), `block.{i}.adaLN_combined`, `block.{i}.adaLN_split`.
    ///
    /// # Errors
    /// When the model looks at words and `text` has none.
    pub fn modulation(&self, text: &TextFeatures, probe: &mut dyn Probe) -> Result<Modulation> {
        let condition = &self.condition(text.sentence())?;
        probe.see("cond_embedded", condition);
        let blocks = self
            .blocks
            .iter()
            .enumerate()
            .map(|(i, block)| block.modulation(condition, &format!("block.{i}"), probe))
            .collect::<Result<_>>()?;
        let words = self.words.as_ref().map(|words| words.keys(text)).transpose()?;
        Ok(Modulation { words, blocks, head: self.head.modulation(condition)? })
    }

    /// Logits (B, 10L, K) for ids (B, 10L) u32: person 1's part-major map, then person 2's.
    ///
    /// Probe (batch first): `tokens_embedded` (B, 10L+1, d) with the separator in the middle, then per block
    /// `block.{i}.words` (B, 10L+1, d) where word attention stands before it, `block.{i}.{self_attn,ffn_combined}` (B, 10L+1, d),
    /// `block.{i}.{spa_temp_attn,local_inter_attn,ffn_split}.person{1,2}` (B, 5L, d) and `block.{i}.out` (B, 10L+1, d).
    pub fn forward(
        &self,
        ids: &Tensor,
        modulation: &Modulation,
        lengths: &Lengths,
        drop: &mut dyn Dropout,
        probe: &mut dyn Probe,
    ) -> Result<Tensor> {
        let (_, n) = ids.dims2()?;
        if n != 2 * PARTS * lengths.padded {
            candle_core::bail!("{n} token positions, expected {}", 2 * PARTS * lengths.padded);
        }
        let mut x = self.embedding.forward(ids, drop)?;
        probe.see("tokens_embedded", &x);
        let words = self.words.as_ref().zip(modulation.words.as_ref());
        let mut pass = block::Pass { masks: &lengths.masks, frames: lengths.padded, drop, probe };
        for (i, (block, modulation)) in self.blocks.iter().zip(&modulation.blocks).enumerate() {
            if let Some((layers, keys)) = words
                && let Some(told) = layers.before(i, &x, keys, pass.drop)?
            {
                pass.probe.see(&format!("block.{i}.words"), &told);
                x = told;
            }
            x = block.forward(&x, modulation, &format!("block.{i}"), &mut pass)?;
        }
        self.head.forward(&ops::without_separator(&x)?, &modulation.head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::config::{TextHeadConfig, WordAttention};
    use crate::nn::dropout::Keep;
    use crate::nn::params::Params;
    use candle_core::Device;

    /// Logits of both halves for two people with the same tokens.
    fn halves(person_embedding: bool) -> [Vec<f32>; 2] {
        let config = InterMConfig {
            codes: 16,
            code_dim: 8,
            latent_dim: 16,
            heads: 2,
            layers: 2,
            ff: 32,
            text_dim: 8,
            person_embedding,
            single_residual: false,
            word_attention: WordAttention::Off,
            text_head: TextHeadConfig { layers: 1, heads: 2, ff: 16 },
        };
        let device = &Device::Cpu;
        let model = InterM::new(&config, Params::new(5, device).builder()).unwrap();
        let sentence = Tensor::ones((1, 8), candle_core::DType::F32, device).unwrap();
        let modulation = model.modulation(&TextFeatures::of_sentences(&sentence), &mut ()).unwrap();
        let person: Vec<u32> = (0..3 * PARTS as u32).map(|i| i % 16).collect();
        let ids = Tensor::from_vec([person.clone(), person].concat(), (1, 6 * PARTS), device).unwrap();
        let logits = model.forward(&ids, &modulation, &Lengths::new(&[3], 3), &mut Keep, &mut ()).unwrap();
        [0, 3 * PARTS].map(|from| {
            let half = logits.narrow(1, from, 3 * PARTS).unwrap();
            half.flatten_all().unwrap().to_vec1().unwrap()
        })
    }

    #[test]
    fn only_the_person_embedding_tells_people_apart() {
        let worst = |[a, b]: [Vec<f32>; 2]| a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst(halves(false)) < 1e-6);
        assert!(worst(halves(true)) > 1e-3);
    }
}
