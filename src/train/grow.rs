//! Starting a larger transformer from the weights of a smaller one, so that it says the same at first; nearly the same where the residual
//! is to count once from then on.

use crate::models::config::{InterMConfig, WordAttention};
use candle_core::{Result, Tensor};
use std::collections::HashMap;

/// Whether a model of `to` can start from the weights of one of `from`: the same, but for blocks and word attention that
/// are added, and a residual that counts once.
pub fn fits(from: &InterMConfig, to: &InterMConfig) -> bool {
    let grown = InterMConfig {
        layers: to.layers,
        word_attention: to.word_attention,
        single_residual: to.single_residual,
        ..from.clone()
    };
    grown == *to
        && from.layers <= to.layers
        && from.word_attention <= to.word_attention
        && from.single_residual <= to.single_residual
}

/// What reads the text tower: the text head and the ways from its numbers to the transformer's.
const READERS: [&str; 4] = ["clipTrans.", "clipln.", "cond_emb.", "word_proj."];

/// The tensors of a model that goes on with another text tower: without the old tower, which stands under `tower`, and what reads it.
pub fn without_text(mut tensors: HashMap<String, Tensor>, tower: &str) -> HashMap<String, Tensor> {
    tensors.retain(|name, _| {
        let of_tower = name.strip_prefix(tower).is_some_and(|rest| rest.starts_with('.'));
        !of_tower && !READERS.iter().any(|reader| name.starts_with(reader))
    });
    tensors
}

/// The tensors of a model of `from`, for one of `to` that [`fits`]. What `to` has besides starts afresh, and without effect:
/// output projections of word attention and modulations of blocks start at zero.
pub fn grow(
    mut tensors: HashMap<String, Tensor>,
    from: &InterMConfig,
    to: &InterMConfig,
) -> Result<HashMap<String, Tensor>> {
    if (from.word_attention, to.word_attention) == (WordAttention::Pre, WordAttention::Blocks) {
        let (old, new) = (from.word_attention.name(0), to.word_attention.name(0));
        tensors = tensors
            .into_iter()
            .map(|(name, tensor)| match name.strip_prefix(&format!("{old}.")) {
                Some(rest) => (format!("{new}.{rest}"), tensor),
                None => (name, tensor),
            })
            .collect();
    }
    if from.single_residual != to.single_residual {
        count_once(&mut tensors, from.layers, to.word_attention)?;
    }
    // The head's dense layer comes before its norm: it alone sees how large the residual is.
    let doublings = |model: &InterMConfig| if model.single_residual { 0 } else { model.layers as i32 };
    if let Some(dense) = tensors.get_mut("output_process.dense.weight") {
        *dense = (&*dense * 2f64.powi(doublings(from) - doublings(to)))?;
    }
    Ok(tensors)
}

/// Which of a block's modulations are gates, in the order of [`crate::models::inter_m::BlockModulation`].
const GATES_JOINT: [usize; 2] = [2, 5];
const GATES_SPLIT: [usize; 4] = [2, 5, 10, 13];

/// What blocks and word attention add to a residual of 2ᵏ, for one of 1. The separator's never doubled, and is told less from then on:
/// one key of 10L+1.
fn count_once(tensors: &mut HashMap<String, Tensor>, blocks: usize, words: WordAttention) -> Result<()> {
    let mut rescale = |name: &str, by: &dyn Fn(&Tensor) -> Result<Tensor>| {
        for end in ["weight", "bias"] {
            if let Some(tensor) = tensors.get_mut(&format!("{name}.{end}")) {
                *tensor = by(tensor)?;
            }
        }
        Ok::<_, candle_core::Error>(())
    };
    let halved = |tensor: &Tensor, times: usize| tensor * 0.5f64.powi(times as i32);
    for block in 0..blocks {
        // The second half of a block comes after the doubling.
        for (part, chunks, gates, times) in [
            ("adaLN_mod_combined", 6, &GATES_JOINT[..], block),
            ("adaLN_mod_split", 14, &GATES_SPLIT[..], block + 1),
        ] {
            rescale(&format!("Transformer.blocks.{block}.{part}.model.1"), &|tensor| {
                let rows = tensor.chunk(chunks, 0)?.into_iter().enumerate();
                let scaled =
                    rows.map(|(i, rows)| if gates.contains(&i) { halved(&rows, times) } else { Ok(rows) });
                Tensor::cat(&scaled.collect::<Result<Vec<_>>>()?, 0)
            })?;
        }
    }
    for layer in 0..words.layers(blocks) {
        rescale(&format!("{}.proj", words.name(layer)), &|tensor| halved(tensor, layer))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::config::TextHeadConfig;
    use crate::models::inter_m::{InterM, Lengths, TextFeatures};
    use crate::models::vqvae::PARTS;
    use crate::nn::dropout::Keep;
    use crate::nn::params::Params;
    use crate::rng::CounterRng;
    use candle_core::Device;

    const TEXT_DIM: usize = 8;

    fn config(layers: usize, word_attention: WordAttention) -> InterMConfig {
        InterMConfig {
            codes: 16,
            code_dim: 8,
            latent_dim: 16,
            heads: 2,
            layers,
            ff: 32,
            text_dim: TEXT_DIM,
            person_embedding: true,
            single_residual: false,
            word_attention,
            text_head: TextHeadConfig { layers: 1, heads: 2, ff: 16 },
        }
    }

    fn random(shape: &[usize], name: &str) -> Tensor {
        let rng = CounterRng::new(7, "grow").fork(name);
        let values: Vec<f32> = (0..shape.iter().product()).map(|i| 0.5 * rng.normal_at(i as u64)).collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    }

    /// Every tensor of a model, none of them where training starts.
    fn trained(config: &InterMConfig) -> HashMap<String, Tensor> {
        let params = Params::new(1, &Device::Cpu);
        InterM::new(config, params.builder()).unwrap();
        params.vars().iter().map(|(name, var)| (name.clone(), random(var.dims(), name))).collect()
    }

    fn logits(config: &InterMConfig, tensors: HashMap<String, Tensor>, frames: usize) -> Vec<f32> {
        let params = Params::from_tensors(tensors, 2, &Device::Cpu);
        let model = InterM::new(config, params.builder()).unwrap();
        let text = TextFeatures::of_sentences(&random(&[1, TEXT_DIM], "sentence"));
        let text = text.with_words(&random(&[1, 9, TEXT_DIM], "words"), &[4]).unwrap();
        let modulation = model.modulation(&text, &mut ()).unwrap();
        let ids: Vec<u32> = (0..(2 * PARTS * frames) as u32).map(|i| i * i % 16).collect();
        let ids = Tensor::from_vec(ids, (1, 2 * PARTS * frames), &Device::Cpu).unwrap();
        let lengths = Lengths::new(&[frames], frames);
        let logits = model.forward(&ids, &modulation, &lengths, &mut Keep, &mut ()).unwrap();
        logits.flatten_all().unwrap().to_vec1().unwrap()
    }

    fn apart(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn a_larger_model_says_the_same_at_first() {
        use WordAttention::{Blocks, Pre};
        let single = |large: InterMConfig| InterMConfig { single_residual: true, ..large };
        for (small, large) in [
            (config(2, Pre), config(4, Pre)),
            (config(2, Pre), config(2, Blocks)),
            (config(2, Pre), config(5, Blocks)),
            (config(2, Pre), single(config(2, Pre))),
            (config(2, Pre), single(config(4, Blocks))),
            (single(config(2, Pre)), single(config(4, Blocks))),
        ] {
            assert!(fits(&small, &large));
            let tensors = trained(&small);
            let before = logits(&small, tensors.clone(), 3);
            let after = logits(&large, grow(tensors, &small, &large).unwrap(), 3);
            assert!(apart(&before, &after) < 1e-3, "{small:?} {large:?}: {}", apart(&before, &after));
        }
    }

    #[test]
    fn a_deep_model_whose_residual_counts_once_says_nearly_the_same() {
        let small = config(4, WordAttention::Blocks);
        let large = InterMConfig { single_residual: true, ..small.clone() };
        // Long enough for the separator to be one of many.
        let says = |config, tensors| logits(config, tensors, 30);
        let tensors = trained(&small);
        let before = says(&small, tensors.clone());
        let grown = grow(tensors.clone(), &small, &large).unwrap();
        let off = apart(&before, &says(&large, grown.clone()));
        // What it would cost to leave a tensor as it is; that of the head is told by the models that are not deep.
        for name in [
            "Transformer.blocks.2.adaLN_mod_combined.model.1.weight",
            "Transformer.blocks.2.adaLN_mod_split.model.1.bias",
            "word_attn.2.proj.weight",
        ] {
            let mut forgotten = grown.clone();
            forgotten.insert(name.to_owned(), tensors[name].clone());
            let worse = apart(&before, &says(&large, forgotten));
            assert!(off < 0.3 * worse, "{name}: {off} against {worse}");
        }
    }

    #[test]
    fn another_tower_takes_along_what_moves_people() {
        let small = config(2, WordAttention::Blocks);
        let wide = InterMConfig { text_dim: 3 * TEXT_DIM, ..small.clone() };
        let mut tensors = trained(&small);
        tensors.insert("text.positional_embedding".to_owned(), random(&[77, TEXT_DIM], "tower"));
        let kept = without_text(tensors.clone(), "text");
        // The names of a model's variables, and their shapes.
        let shapes = |config: &InterMConfig| {
            let params = Params::new(3, &Device::Cpu);
            InterM::new(config, params.builder()).unwrap();
            params.vars()
        };
        for (name, tensor) in shapes(&wide) {
            match kept.get(&name) {
                Some(old) => assert_eq!(old.dims(), tensor.dims(), "{name}"),
                None => assert!(READERS.iter().any(|reader| name.starts_with(reader)), "{name} is lost"),
            }
        }
        assert!(!kept.contains_key("text.positional_embedding") && kept.contains_key("word_null.weight"));
        assert!(kept.len() > tensors.len() / 2);
    }

    #[test]
    fn nothing_is_taken_away_or_widened() {
        let small = config(2, WordAttention::Pre);
        assert!(!fits(&config(3, WordAttention::Pre), &small));
        assert!(!fits(&config(2, WordAttention::Blocks), &small));
        assert!(!fits(&small, &InterMConfig { ff: 64, ..config(3, WordAttention::Pre) }));
        assert!(!fits(&InterMConfig { single_residual: true, ..small.clone() }, &small));
    }
}
