//! Word-motion cross attention (InterMask spec §9.2): the tokens of both people and the separator look at the single words
//! of the text. Not part of the official architecture.
//!
//! The words are the text tower's last hidden states, which look only backwards: unlike the text head's, they do not change
//! with the padding behind the text.

use super::DROPOUT;
use super::text::TextFeatures;
use crate::models::config::InterMConfig;
use crate::nn::attention::{KeysValues, MultiHead};
use crate::nn::dropout::Dropout;
use crate::nn::linear::{Linear, NORMAL_02, ZERO, linear, torch_default, xavier};
use crate::nn::norm::LayerNorm;
use crate::nn::ops::Mask;
use candle_core::{Module, Result, Tensor};
use candle_nn::VarBuilder;

const EPS: f32 = 1e-5;

/// All word attention layers of a model, and the words' way to them.
pub struct WordLayers {
    project: Linear,
    /// (1, d): the one word of a text that is dropped.
    null: Tensor,
    /// Layer i stands before block i.
    layers: Vec<WordLayer>,
}

/// h = x + W_o·MHA(q = LN(x), k = v = LN(words)).
struct WordLayer {
    norm_q: LayerNorm,
    norm_kv: LayerNorm,
    attention: MultiHead,
    out: Linear,
}

/// The words of a batch as keys and values of every layer.
pub struct WordKeys {
    layers: Vec<KeysValues>,
    mask: Mask,
}

impl WordLayers {
    /// `word_proj.{weight,bias}`, `word_null.weight` and, for each layer, `{norm_q,norm_kv,attn,proj}` under its name
    /// ([`crate::models::config::WordAttention::name`]); `None` for the official architecture.
    pub fn new(config: &InterMConfig, vb: VarBuilder) -> Result<Option<Self>> {
        let (d, t) = (config.latent_dim, config.text_dim);
        let count = config.word_attention.layers(config.layers);
        if count == 0 {
            return Ok(None);
        }
        let layer = |i: usize| {
            let vb = vb.pp(config.word_attention.name(i));
            Ok(WordLayer {
                norm_q: LayerNorm::new(d, EPS, vb.pp("norm_q"))?,
                norm_kv: LayerNorm::new(d, EPS, vb.pp("norm_kv"))?,
                // Not the blocks' smaller start, with which all words look alike at first.
                attention: MultiHead::new(d, config.heads, DROPOUT, xavier(d, 3 * d), vb.pp("attn"))?,
                // Zero, so that training starts as the model without words.
                out: linear(d, d, ZERO, ZERO, vb.pp("proj"))?,
            })
        };
        Ok(Some(Self {
            project: linear(t, d, torch_default(t), ZERO, vb.pp("word_proj"))?,
            null: vb.pp("word_null").get_with_hints((1, d), "weight", NORMAL_02)?,
            layers: (0..count).map(layer).collect::<Result<_>>()?,
        }))
    }

    /// Keys and values of `text`'s words; a dropped text has one word, the learned null word.
    pub fn keys(&self, text: &TextFeatures) -> Result<WordKeys> {
        let Some((hidden, counts)) = text.words() else {
            candle_core::bail!("this model looks at words, but was given sentences only");
        };
        let (b, m, _) = hidden.dims3()?;
        let said: Vec<f32> = counts.iter().map(|n| if *n > 0 { 1.0 } else { 0.0 }).collect();
        let said = Tensor::from_vec(said, (b, 1, 1), hidden.device())?;
        let null = (1.0 - &said)?.broadcast_mul(&self.null)?;
        let words = self.project.forward(hidden)?.broadcast_mul(&said)?.broadcast_add(&null)?;
        let real: Vec<Vec<bool>> = counts.iter().map(|n| (0..m).map(|i| i < (*n).max(1)).collect()).collect();
        let layers = self
            .layers
            .iter()
            .map(|layer| layer.attention.keys_values(&layer.norm_kv.forward(&words)?))
            .collect::<Result<_>>()?;
        Ok(WordKeys { layers, mask: Mask::keys(&real) })
    }

    /// What enters block `block`, given `x` (B, N, d) that comes to it; `None` where no layer stands before it.
    pub fn before(
        &self,
        block: usize,
        x: &Tensor,
        keys: &WordKeys,
        drop: &mut dyn Dropout,
    ) -> Result<Option<Tensor>> {
        let (Some(layer), Some(words)) = (self.layers.get(block), keys.layers.get(block)) else {
            return Ok(None);
        };
        let h = layer.attention.to_keys(&layer.norm_q.forward(x)?, words, &keys.mask, drop)?;
        Ok(Some((x + layer.out.forward(&h)?)?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{InterM, Lengths};
    use super::*;
    use crate::models::config::{TextHeadConfig, WordAttention};
    use crate::models::vqvae::PARTS;
    use crate::nn::dropout::Keep;
    use crate::nn::params::Params;
    use crate::rng::CounterRng;
    use candle_core::Device;

    const CODES: usize = 16;
    const TEXT_DIM: usize = 8;
    /// Places in a text, real and padded.
    const CONTEXT: usize = 9;
    const FRAMES: usize = 3;

    fn model(place: WordAttention) -> (InterM, Params) {
        let config = InterMConfig {
            codes: CODES,
            code_dim: 8,
            latent_dim: 16,
            heads: 2,
            layers: 2,
            ff: 32,
            text_dim: TEXT_DIM,
            person_embedding: true,
            single_residual: false,
            word_attention: place,
            text_head: TextHeadConfig { layers: 1, heads: 2, ff: 16 },
        };
        let params = Params::new(5, &Device::Cpu);
        (InterM::new(&config, params.builder()).unwrap(), params)
    }

    /// With output projections that are not zero any more, as after some training.
    fn trained(place: WordAttention) -> InterM {
        let (model, params) = model(place);
        let mut open = 0;
        for (name, var) in params.vars() {
            if name.starts_with("word_attn") && name.ends_with(".proj.weight") {
                var.set(&random(&name, var.dims())).unwrap();
                open += 1;
            }
        }
        assert_eq!(open, place.layers(2));
        model
    }

    fn random(what: &str, shape: &[usize]) -> Tensor {
        let rng = CounterRng::new(11, "word tests").fork(what);
        let values: Vec<f32> = (0..shape.iter().product()).map(|i: usize| rng.normal_at(i as u64)).collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    }

    /// Texts of the named clips, ending at `ends`, hidden states beyond the end drawn for `padding`.
    fn text(clips: &[usize], ends: &[u32], padding: &str) -> TextFeatures {
        let rows: Vec<Tensor> = clips
            .iter()
            .zip(ends)
            .map(|(clip, end)| {
                let real = *end as usize + 1;
                let words = random(&format!("words {clip}"), &[real, TEXT_DIM]);
                Tensor::cat(&[words, random(padding, &[CONTEXT - real, TEXT_DIM])], 0).unwrap()
            })
            .collect();
        let sentences: Vec<Tensor> =
            clips.iter().map(|clip| random(&format!("sentence {clip}"), &[TEXT_DIM])).collect();
        TextFeatures::of_sentences(&Tensor::stack(&sentences, 0).unwrap())
            .with_words(&Tensor::stack(&rows, 0).unwrap(), ends)
            .unwrap()
    }

    /// Logits of each row of `text`, all with the same ids.
    fn logits(model: &InterM, text: &TextFeatures) -> Vec<Vec<f32>> {
        let rows = text.sentence().dim(0).unwrap();
        let n = 2 * PARTS * FRAMES;
        let ids: Vec<u32> = (0..rows * n).map(|i| (i % n % CODES) as u32).collect();
        let ids = Tensor::from_vec(ids, (rows, n), &Device::Cpu).unwrap();
        let modulation = model.modulation(text, &mut ()).unwrap();
        let lengths = Lengths::new(&vec![FRAMES; rows], FRAMES);
        let logits = model.forward(&ids, &modulation, &lengths, &mut Keep, &mut ()).unwrap();
        logits.flatten_from(1).unwrap().to_vec2().unwrap()
    }

    fn distance(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn training_starts_as_the_model_without_words() {
        let text = text(&[0, 1], &[4, 6], "padding");
        let off = logits(&model(WordAttention::Off).0, &text);
        for place in [WordAttention::Pre, WordAttention::Blocks] {
            assert_eq!(logits(&model(place).0, &text), off, "{place:?}");
            assert!(distance(&logits(&trained(place), &text)[0], &off[0]) > 1e-2, "{place:?}");
        }
    }

    #[test]
    fn what_stands_behind_the_end_of_a_text_is_not_heard() {
        for place in [WordAttention::Pre, WordAttention::Blocks] {
            let model = trained(place);
            // The second text is longer, so that the first has padding that is not cut off.
            let one = logits(&model, &text(&[0, 1], &[3, 7], "padding"));
            assert_eq!(one, logits(&model, &text(&[0, 1], &[3, 7], "other padding")), "{place:?}");
            let longer = logits(&model, &text(&[0, 1], &[4, 7], "padding"));
            assert!(distance(&one[0], &longer[0]) > 1e-3, "{place:?}: a real word was not heard");
        }
    }

    #[test]
    fn a_text_means_the_same_alone_and_in_a_batch() {
        for place in [WordAttention::Pre, WordAttention::Blocks] {
            let model = trained(place);
            let both = logits(&model, &text(&[0, 1], &[3, 7], "padding").guided().unwrap());
            for (row, end) in [(0, 3), (1, 7)] {
                let alone = text(&[row], &[end], "padding");
                assert!(distance(&both[row], &logits(&model, &alone)[0]) < 1e-5, "{place:?} {row}");
                let dropped = logits(&model, &alone.dropped(&[true]).unwrap());
                assert!(distance(&both[2 + row], &dropped[0]) < 1e-5, "{place:?} {row}: dropped");
                assert!(distance(&both[row], &both[2 + row]) > 1e-3, "{place:?} {row}: guidance hears words");
            }
            // All that says nothing says the same.
            assert!(distance(&both[2], &both[3]) < 1e-5, "{place:?}");
        }
    }

    #[test]
    fn sentences_without_words_are_refused() {
        let sentences = TextFeatures::of_sentences(&random("sentence", &[1, TEXT_DIM]));
        assert!(model(WordAttention::Pre).0.modulation(&sentences, &mut ()).is_err());
        assert!(model(WordAttention::Off).0.modulation(&sentences, &mut ()).is_ok());
    }
}
