//! The small tower while it is taught.
//!
//! Its token table is not free: it is the teacher's words through one learned map, so that words which no sentence of the
//! corpus has move along with those it has, plus a small correction for the ids that occur.

use super::teacher::WIDTH;
use crate::error::Result;
use crate::models::config::ClipTextConfig;
use crate::nn::linear::{Linear, ZERO, embed, linear};
use crate::nn::params::Params;
use crate::text::clip::{ClipBody, end_positions};
use crate::text::tokenizer::{END, START, Tokenizer, VOCABULARY};
use crate::train::vocabulary::Vocabulary;
use candle_core::{Module, Tensor};
use candle_nn::Init;
use std::collections::BTreeMap;

/// Variable of the corrections, which learn more slowly than the rest.
pub const CORRECTION: &str = "correction";
/// Variable of the map.
const MAP: &str = "map";
/// Prefix of what only the training needs.
const TO_TEACHER: &str = "to_teacher";

/// A tower in teaching.
pub struct Pupil {
    /// (49408, width), never changed.
    base: Tensor,
    /// (width, width), added to the identity.
    map: Tensor,
    /// (rows of the vocabulary, width).
    correction: Tensor,
    body: ClipBody,
    to_teacher: Linear,
    vocabulary: Vocabulary,
    params: Params,
}

impl Pupil {
    /// Variables from `params`; `base` (49408, width) is the table of the teacher's words.
    ///
    /// # Errors
    /// When `params` holds variables of other shapes.
    pub fn new(
        config: &ClipTextConfig,
        base: Tensor,
        vocabulary: Vocabulary,
        params: Params,
    ) -> Result<Self> {
        let w = config.width;
        let vb = params.builder();
        let deviation = (w as f64).powf(-0.5);
        let normal = Init::Randn { mean: 0.0, stdev: deviation };
        Ok(Self {
            map: vb.get_with_hints((w, w), MAP, ZERO)?,
            correction: vb.get_with_hints((vocabulary.rows(), w), CORRECTION, ZERO)?,
            body: ClipBody::new(config, vb.clone())?,
            to_teacher: linear(w, WIDTH, normal, ZERO, vb.pp(TO_TEACHER))?,
            base,
            vocabulary,
            params,
        })
    }

    /// The words whose rows are corrected.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Its variables.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// States (B, width) at the ends of texts, each ids from start to end.
    ///
    /// # Errors
    /// From the tensor library.
    pub fn states(&self, texts: &[&[u32]]) -> Result<Tensor> {
        let (flat, n) = padded(texts);
        let known = Tensor::from_vec(self.vocabulary.map(&flat), (texts.len(), n), self.base.device())?;
        let ids = Tensor::from_vec(flat, (texts.len(), n), self.base.device())?;
        let words = embed(&self.base, &ids.flatten_all()?)?;
        let words = (&words + words.matmul(&self.map)?)?.reshape((texts.len(), n, ()))?;
        let tokens = (words + embed(&self.correction, &known)?)?;
        ends_of(&self.body.forward(&tokens, &mut ())?, &ids)
    }

    /// What the tower thinks the teacher says: (B, 384), of any length.
    ///
    /// # Errors
    /// From the tensor library.
    pub fn says(&self, states: &Tensor) -> Result<Tensor> {
        Ok(self.to_teacher.forward(states)?)
    }

    /// The finished tower under CLIP's names, its token table written out (49408, width).
    ///
    /// # Errors
    /// From the tensor library.
    pub fn tower(&self) -> Result<BTreeMap<String, Tensor>> {
        let own = [MAP, CORRECTION];
        let mut tensors: BTreeMap<String, Tensor> = self
            .params
            .vars()
            .into_iter()
            .filter(|(name, _)| !own.contains(&name.as_str()) && !name.starts_with(TO_TEACHER))
            .map(|(name, var)| (name, var.as_tensor().detach()))
            .collect();
        let rows = self.vocabulary.map(&(0..VOCABULARY as u32).collect::<Vec<_>>());
        let rows = Tensor::from_vec(rows, VOCABULARY, self.base.device())?;
        let table =
            ((&self.base + self.base.matmul(&self.map)?)? + self.correction.index_select(&rows, 0)?)?;
        tensors.insert("token_embedding.weight".into(), table.detach());
        Ok(tensors)
    }
}

/// Ids of `text` from start to end, without padding.
pub fn ids_of(tokenizer: &Tokenizer, text: &str) -> Vec<u32> {
    let mut ids = tokenizer.encode(text).ids;
    if let Some(end) = ids.iter().position(|id| *id == END) {
        ids.truncate(end + 1);
    }
    ids
}

/// A text of one entry of the vocabulary.
pub fn word(id: u32) -> [u32; 3] {
    [START, id, END]
}

/// Texts of different length as one block (texts, longest), zeros behind their ends.
pub fn padded(texts: &[&[u32]]) -> (Vec<u32>, usize) {
    let n = texts.iter().map(|ids| ids.len()).max().unwrap_or(0);
    let pad = |ids: &[u32]| [ids, &vec![0; n - ids.len()]].concat();
    (texts.iter().flat_map(|ids| pad(ids)).collect(), n)
}

/// Rows (B, width) of hidden states (B, N, width) at the ends of texts (B, N).
pub fn ends_of(hidden: &Tensor, ids: &Tensor) -> Result<Tensor> {
    let (b, n, width) = hidden.dims3()?;
    let rows: Vec<u32> =
        end_positions(ids)?.iter().enumerate().map(|(i, end)| (i * n) as u32 + end).collect();
    let rows = Tensor::from_vec(rows, b, hidden.device())?;
    Ok(hidden.reshape((b * n, width))?.index_select(&rows, 0)?)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "any random numbers do")]
mod tests {
    use super::*;
    use crate::text::clip::ClipText;
    use crate::text::tokenizer::CONTEXT;
    use candle_core::{DType, Device, Var};
    use candle_nn::VarBuilder;

    #[test]
    fn the_finished_tower_says_the_same() {
        let config = ClipTextConfig { width: 16, heads: 2, layers: 2, vocab: VOCABULARY, context: CONTEXT };
        let tokenizer = Tokenizer::clip();
        let texts = ["two people hug", "one person waves a zither at the other one"];
        let ids: Vec<Vec<u32>> = texts.iter().map(|text| ids_of(&tokenizer, text)).collect();
        // The second text has words that the vocabulary does not.
        let vocabulary = Vocabulary::of([ids[0].as_slice()]);
        let device = Device::Cpu;
        let base = Tensor::randn(0f32, 0.1, (VOCABULARY, 16), &device).unwrap();
        let pupil = Pupil::new(&config, base, vocabulary, Params::new(1, &device)).unwrap();
        for name in [MAP, CORRECTION] {
            let var: &Var = &pupil.params().vars()[name];
            var.set(&Tensor::randn(0f32, 0.1, var.shape(), &device).unwrap()).unwrap();
        }
        let rows: Vec<&[u32]> = ids.iter().map(Vec::as_slice).collect();
        let ours = pupil.states(&rows).unwrap().to_vec2::<f32>().unwrap();

        let tensors = pupil.tower().unwrap().into_iter().collect();
        let tower = ClipText::new(&config, VarBuilder::from_tensors(tensors, DType::F32, &device)).unwrap();
        // As the model is used: the whole context.
        let flat: Vec<u32> = texts.iter().flat_map(|text| tokenizer.encode(text).ids).collect();
        let whole = Tensor::from_vec(flat, (2, CONTEXT), &device).unwrap();
        let theirs = ends_of(&tower.forward(&whole, &mut ()).unwrap(), &whole).unwrap();
        for (a, b) in ours.iter().flatten().zip(theirs.to_vec2::<f32>().unwrap().iter().flatten()) {
            assert!((a - b).abs() < 1e-4, "{a} against {b}");
        }
    }
}
