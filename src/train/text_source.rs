//! Captions to what the transformer is told while training: our own tower that learns along, or a finished one that stays as it is.

use super::config::TextTraining;
use super::run_folder::RunFolder;
use super::teach::teach_loop::finished;
use super::vocabulary::Vocabulary;
use crate::error::{Error, Result};
use crate::models::config::ClipTextConfig;
use crate::models::inter_m::{InterM, TextFeatures};
use crate::nn::dropout::Dropout;
use crate::nn::params::Params;
use crate::package::{Package, Part};
use crate::text::clip::{ClipText, end_positions};
use crate::text::tokenizer::Tokenizer;
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use std::path::Path;

/// Prefix of the trained tower's variables.
pub const PREFIX: &str = "text";
/// The token table's variable, under the tower's prefix.
pub const TOKENS: &str = "token_embedding.weight";

/// A text tower and how captions reach it.
pub struct TextSource {
    tokenizer: Tokenizer,
    tower: ClipText,
    /// Set when the tower is trained from nothing.
    vocabulary: Option<Vocabulary>,
    /// The tower changes while training.
    learns: bool,
    device: Device,
}

impl TextSource {
    /// The tower that `config` asks for. A trained one takes its variables from `params` and its rows from `vocabulary`, a
    /// taught one its variables, which are there already.
    pub fn new(
        config: &TextTraining,
        params: &Params,
        vocabulary: Option<Vocabulary>,
        device: &Device,
    ) -> Result<Self> {
        let tokenizer = Tokenizer::clip();
        match (config, vocabulary) {
            (TextTraining::Train { tower }, Some(vocabulary)) => {
                let small = ClipTextConfig { vocab: vocabulary.rows(), ..tower.clone() };
                let built = ClipText::new(&small, params.builder().pp(PREFIX))?;
                let vocabulary = Some(vocabulary);
                Ok(Self { tokenizer, tower: built, vocabulary, learns: true, device: device.clone() })
            }
            (TextTraining::Train { .. }, None) => {
                Err(Error::internal("no_vocabulary", "a text tower can only be trained with a vocabulary"))
            }
            (TextTraining::Frozen { tower, package }, _) => {
                let tensors = frozen_tensors(package, tower)?;
                let vb = VarBuilder::from_tensors(tensors, DType::F32, device);
                Ok(Self {
                    tokenizer,
                    tower: ClipText::new(tower, vb)?,
                    vocabulary: None,
                    learns: false,
                    device: device.clone(),
                })
            }
            (TextTraining::Taught { tower, rate, .. }, _) => {
                let built = ClipText::new(tower, params.builder().pp(PREFIX))?.with_fixed_tokens();
                let learns = *rate > 0.0;
                Ok(Self { tokenizer, tower: built, vocabulary: None, learns, device: device.clone() })
            }
        }
    }

    /// The trained tower's vocabulary.
    pub fn vocabulary(&self) -> Option<&Vocabulary> {
        self.vocabulary.as_ref()
    }

    /// What the transformer is told of captions, through the tower and the model's trained head.
    pub fn features(
        &self,
        captions: &[&str],
        model: &InterM,
        drop: &mut dyn Dropout,
    ) -> Result<TextFeatures> {
        let rows: Vec<Vec<u32>> = captions.iter().map(|caption| self.tokenizer.encode(caption).ids).collect();
        let width = rows.first().map_or(0, Vec::len);
        let flat = rows.concat();
        let ids = self.vocabulary.as_ref().map_or_else(|| flat.clone(), |vocabulary| vocabulary.map(&flat));
        let ids = Tensor::from_vec(ids, (rows.len(), width), &self.device)?;
        let ends = end_positions(&ids)?;
        let hidden = self.tower.forward(&ids, &mut ())?;
        let hidden = if self.learns { hidden } else { hidden.detach() };
        Ok(model.text(&hidden, &ends, drop)?)
    }
}

/// A taught tower's tensors under the names of the variables that start from them.
pub fn taught_tensors(run: &Path) -> Result<std::collections::HashMap<String, Tensor>> {
    let (_, tensors) = finished(&RunFolder::at(run))?;
    Ok(tensors.into_iter().map(|(name, tensor)| (format!("{PREFIX}.{name}"), tensor)).collect())
}

/// The text part of a package, which must have the stated dimensions.
pub fn frozen_tensors(
    package: &Path,
    tower: &ClipTextConfig,
) -> Result<std::collections::HashMap<String, Tensor>> {
    let package = Package::open(package)?;
    if &package.manifest().text != tower {
        return Err(Error::invalid("text_dimensions", "the package's text tower has other dimensions"));
    }
    Ok(package.tensors(Part::Text)?.into_iter().collect())
}
