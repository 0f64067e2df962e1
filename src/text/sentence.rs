//! How alike sentences are: cosines of what the text tower makes of them.

use super::clip::{ClipText, end_positions};
use super::tokenizer::{CONTEXT, Tokenizer};
use crate::error::Result;
use candle_core::{Device, Tensor};

/// Sentences that go through the tower at once.
const TOGETHER: usize = 64;

/// Unit vectors of sentences: the tower's state at the end of each.
///
/// # Errors
/// From the tensor library.
pub fn vectors(
    tokenizer: &Tokenizer,
    tower: &ClipText,
    texts: &[&str],
    device: &Device,
) -> Result<Vec<Vec<f32>>> {
    let mut all = Vec::with_capacity(texts.len());
    for some in texts.chunks(TOGETHER) {
        let rows: Vec<Vec<u32>> = some.iter().map(|text| tokenizer.encode(text.trim()).ids).collect();
        let ids = Tensor::from_vec(rows.concat(), (some.len(), CONTEXT), device)?;
        let ends = end_positions(&ids)?;
        // States look only back: what follows the longest sentence says nothing.
        let longest = ends.iter().max().map_or(CONTEXT, |end| *end as usize + 1);
        let states = tower.forward(&ids.narrow(1, 0, longest)?.contiguous()?, &mut ())?.to_vec3::<f32>()?;
        all.extend(states.into_iter().zip(ends).map(|(states, end)| unit(&states[end as usize])));
    }
    Ok(all)
}

/// Cosine of two unit vectors.
pub fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The vector of `others` most alike to `vector`, and how alike; `None` where there are none.
pub fn nearest<'a>(
    vector: &[f32],
    others: impl Iterator<Item = (usize, &'a Vec<f32>)>,
) -> Option<(usize, f32)> {
    others.map(|(at, other)| (at, cosine(vector, other))).max_by(|a, b| a.1.total_cmp(&b.1))
}

/// The cosine that all but the given share of the vectors reach with the nearest of the others. `None` for fewer than two.
pub fn usual_nearness(vectors: &[Vec<f32>], share: f64) -> Option<f32> {
    let mut near: Vec<f32> = (0..vectors.len())
        .filter_map(|at| {
            let others = vectors.iter().enumerate().filter(|(other, _)| *other != at);
            nearest(&vectors[at], others).map(|(_, cosine)| cosine)
        })
        .collect();
    near.sort_by(f32::total_cmp);
    near.get((share * near.len() as f64) as usize).copied()
}

/// A vector at unit length.
pub fn unit(vector: &[f32]) -> Vec<f32> {
    let norm = vector.iter().map(|v| v * v).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    vector.iter().map(|v| v / norm).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::config::ClipTextConfig;
    use crate::nn::params::Params;
    use crate::text::tokenizer::VOCABULARY;

    #[test]
    fn a_sentence_is_most_like_itself_whoever_stands_beside_it() {
        let config = ClipTextConfig { width: 16, heads: 2, layers: 1, vocab: VOCABULARY, context: CONTEXT };
        let params = Params::new(1, &Device::Cpu);
        let tower = ClipText::new(&config, params.builder()).unwrap();
        let of = |texts: &[&str]| vectors(&Tokenizer::clip(), &tower, texts, &Device::Cpu).unwrap();
        let texts =
            ["two people shake hands", "a very long sentence about one person who chases the other", "salsa"];
        let together = of(&texts);
        for (at, text) in texts.iter().enumerate() {
            let alone = &of(&[text])[0];
            assert!((cosine(alone, &together[at]) - 1.0).abs() < 1e-5);
            assert_eq!(nearest(alone, together.iter().enumerate()).unwrap().0, at);
        }
    }

    #[test]
    fn usual_nearness_leaves_out_the_share() {
        let at = |degrees: f32| vec![degrees.to_radians().cos(), degrees.to_radians().sin()];
        // Nearest others at 1, 1, 9 and 80 degrees.
        let vectors = [at(0.0), at(1.0), at(10.0), at(90.0)];
        let all = usual_nearness(&vectors, 0.0).unwrap();
        assert!((all - 80f32.to_radians().cos()).abs() < 1e-5);
        let most = usual_nearness(&vectors, 0.25).unwrap();
        assert!((most - 9f32.to_radians().cos()).abs() < 1e-5);
        assert!(usual_nearness(&vectors[..1], 0.0).is_none());
    }
}
