//! The InterMask generator: one package's tokenizer, text tower, transformer, VQ-VAE and statistics put together.

mod edit;
mod encode;
mod known;
mod making;
mod memory;
mod prompts;
#[cfg(test)]
mod tests;
mod wording;

use super::masked::{Clips, DecodeSettings, Known, StepObserver, decode};
use super::noise::Seeded;
use super::together::drive;
use super::{
    EditRequest, GenerateRequest, Generated, Generator, Onlooker, Progress, Together, Tokens, Underway,
};
use crate::error::{Error, ErrorKind, Result};
use crate::models::config::MotionLayout;
use crate::models::inter_m::{InterM, TextFeatures};
use crate::models::vqvae::{GraphMode, VqVae};
use crate::motion::{Features, Stats};
use crate::package::{Package, Part};
use crate::text::clip::ClipText;
use crate::text::tokenizer::{CONTEXT, Tokenizer, VOCABULARY};
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use known::KnownSentences;
use making::Making;
use memory::Memory;
use prompts::Prompts;

/// A loaded InterMask package.
pub struct InterMask {
    prompts: Prompts,
    model: InterM,
    vq: VqVae,
    stats: Stats,
    device: Device,
}

impl InterMask {
    /// Load the weights of `package` onto `device`, checking every file's digest on the way.
    ///
    /// # Errors
    /// `ErrorKind::Corrupt` for damaged files; `ErrorKind::Unsupported` for motion layouts that have no 22-joint output.
    pub fn load(package: &Package, device: &Device) -> Result<Self> {
        let manifest = package.manifest();
        if manifest.vq.layout != MotionLayout::InterHuman {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "motion_layout",
                "only models with the InterHuman motion layout can generate motion",
            ));
        }
        if manifest.text.vocab != VOCABULARY || manifest.text.context != CONTEXT {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "text_vocabulary",
                format!(
                    "the text tower reads {} words in {} places, the CLIP tokenizer gives {VOCABULARY} in {CONTEXT}",
                    manifest.text.vocab, manifest.text.context
                ),
            ));
        }
        let weights = |part| -> Result<VarBuilder<'static>> {
            Ok(VarBuilder::from_tensors(package.tensors(part)?, DType::F32, device))
        };
        let stats = package.statistics()?.ok_or_else(|| {
            Error::corrupt("package_manifest", "the package has no statistics; import or pull it again")
        })?;
        let (tokenizer, text) = (Tokenizer::clip(), ClipText::new(&manifest.text, weights(Part::Text)?)?);
        let memory = Memory::of(package, device)?;
        // A memory says what is near; the known sentences need not be read as well.
        let known = manifest
            .known
            .clone()
            .filter(|_| memory.is_none())
            .map(|told| KnownSentences::new(told, &tokenizer, &text, device))
            .transpose()?;
        Ok(Self {
            prompts: Prompts::new(tokenizer, text, known, memory, device),
            model: InterM::new(&manifest.transformer, weights(Part::Transformer)?)?,
            vq: VqVae::new(&manifest.vq, weights(Part::Vq)?)?,
            stats,
            device: device.clone(),
        })
    }

    /// What the transformer is told of `prompt`, one row, and whether the prompt was longer than the encoder reads.
    fn text(&self, prompt: &str) -> Result<(TextFeatures, bool)> {
        let (told, truncated) = self.prompts.told(prompt, &self.model)?;
        Ok((told.features.clone(), truncated))
    }

    /// The ids of one clip of `length` token frames as `how` says, steps aside; `known` ones stay.
    fn tokens(
        &self,
        text: &TextFeatures,
        length: usize,
        known: Option<&Known>,
        how: &Sampling<'_>,
        observe: StepObserver<'_>,
    ) -> Result<Tokens> {
        let clips = Clips { text, lengths: &[length], known: known.map(std::slice::from_ref) };
        let settings = DecodeSettings {
            steps: how.steps,
            guidance: how.request.guidance,
            top_k_ratio: how.request.top_k_ratio,
            temperature: how.request.temperature,
        };
        let ids = decode(&self.model, &clips, &settings, &Seeded::new(&[how.seed]), observe)?;
        let ids = ids.into_iter().next().unwrap_or_default();
        // The only clip of its batch has no padding, so every id is a code.
        let ids: Option<Vec<u32>> = ids.into_iter().map(|id| u32::try_from(id).ok()).collect();
        let tokens = ids.and_then(Tokens::new).filter(|tokens| tokens.length() == length);
        tokens.ok_or_else(|| Error::internal("model_failure", "the model left tokens open"))
    }

    /// Both persons' features, denormalised, of one clip's tokens.
    fn motion(&self, tokens: &Tokens) -> Result<[Features; 2]> {
        let positions = tokens.ids().len() / 2;
        let ids = Tensor::from_vec(tokens.ids().to_vec(), (2, positions), &self.device)?;
        let motion = self.vq.decode(&ids, GraphMode::PerClip)?;
        let person = |i: usize| -> Result<Features> {
            let rows = motion.get(i)?.flatten_all()?.to_vec1::<f32>()?;
            let features = self.stats.denormalise(&Features::new(rows)?);
            if features.data().iter().all(|v| v.is_finite()) {
                Ok(features)
            } else {
                Err(Error::internal("model_failure", "the model gave numbers that are not finite"))
            }
        };
        Ok([person(0)?, person(1)?])
    }
}

/// How one clip's tokens are drawn.
struct Sampling<'a> {
    request: &'a GenerateRequest,
    steps: usize,
    seed: u64,
}

impl Generator for InterMask {
    fn generate_shown(
        &mut self,
        request: &GenerateRequest,
        progress: Progress<'_>,
        onlooker: &mut dyn Onlooker,
    ) -> Result<Generated> {
        drive(&mut Making::new(self, request), progress, onlooker)
    }

    fn together(&self) -> Option<&dyn Together> {
        Some(self)
    }

    fn edit(&mut self, request: &EditRequest, progress: Progress<'_>) -> Result<Generated> {
        match super::edit::without_model(request)? {
            Some(done) => Ok(done),
            None => edit::edit(self, request, progress),
        }
    }
}

impl Together for InterMask {
    fn begin(&self, request: &GenerateRequest) -> Box<dyn Underway + '_> {
        Box::new(Making::new(self, request))
    }
}
