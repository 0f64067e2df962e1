//! The InterMask generator: one package's tokenizer, text tower, transformer, VQ-VAE and statistics put together.

mod edit;
mod encode;
mod known;
#[cfg(test)]
mod tests;

use super::masked::{Clips, DecodeSettings, Known, Step, StepObserver, decode};
use super::noise::Seeded;
use super::{
    Draft, EditRequest, FRAMES_PER_TOKEN, GenerateRequest, Generated, Generator, Onlooker, Progress, Sample,
    Timings, Tokens,
};
use crate::error::{Error, ErrorKind, Result};
use crate::models::config::MotionLayout;
use crate::models::inter_m::{InterM, TextFeatures};
use crate::models::vqvae::{GraphMode, VqVae};
use crate::motion::export::post_process;
use crate::motion::rigid::stiffen;
use crate::motion::smooth::smooth;
use crate::motion::{Features, Stats};
use crate::nn::dropout::Keep;
use crate::package::{Package, Part};
use crate::text::clip::{ClipText, end_positions};
use crate::text::tokenizer::{CONTEXT, Tokenizer, VOCABULARY};
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use known::KnownSentences;
use std::ops::ControlFlow;
use std::time::Instant;

/// A loaded InterMask package.
pub struct InterMask {
    tokenizer: Tokenizer,
    text: ClipText,
    model: InterM,
    vq: VqVae,
    stats: Stats,
    known: Option<KnownSentences>,
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
        let known = manifest
            .known
            .clone()
            .map(|told| KnownSentences::new(told, &tokenizer, &text, device))
            .transpose()?;
        Ok(Self {
            tokenizer,
            text,
            known,
            model: InterM::new(&manifest.transformer, weights(Part::Transformer)?)?,
            vq: VqVae::new(&manifest.vq, weights(Part::Vq)?)?,
            stats,
            device: device.clone(),
        })
    }

    /// What the transformer is told of `prompt`, one row, and whether the prompt was longer than the encoder reads.
    fn text(&self, prompt: &str) -> Result<(TextFeatures, bool)> {
        let encoded = self.tokenizer.encode(prompt);
        let n = encoded.ids.len();
        let ids = Tensor::from_vec(encoded.ids, (1, n), &self.device)?;
        let hidden = self.text.forward(&ids, &mut ())?;
        Ok((self.model.text(&hidden, &end_positions(&ids)?, &mut Keep)?, encoded.truncated))
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

    /// What there is of a sample: the motion of the only clip's ids.
    fn draft(&self, sample: usize, left: &[Vec<u32>]) -> Result<Draft> {
        let ids = left.first().cloned().unwrap_or_default();
        let tokens = Tokens::new(ids);
        let tokens =
            tokens.ok_or_else(|| Error::internal("model_failure", "there is nothing to show yet"))?;
        let positions = self.motion(&tokens)?.map(|features| smooth(&features.positions()));
        Ok(Draft { sample, positions })
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
        let model = &*self;
        let mut timings = Timings::default();
        let start = Instant::now();
        let (text, prompt_truncated) = model.text(&request.prompt)?;
        let familiarity = match &model.known {
            Some(known) => {
                known.familiarity(&request.prompt, &model.tokenizer, &model.text, &model.device)?
            }
            None => None,
        };
        timings.text = start.elapsed();

        let length = request.frames / FRAMES_PER_TOKEN;
        debug_assert_eq!(request.frames % FRAMES_PER_TOKEN, 0, "requests hold whole tokens");
        let total = request.samples * request.steps;
        let mut samples = Vec::with_capacity(request.samples);
        for index in 0..request.samples {
            // Samples run one after the other: on two cores a batch gains little, and each sample's bytes are then those
            // of a request of its own.
            let seed = request.seed.wrapping_add(index as u64);
            let start = Instant::now();
            let how = Sampling { request, steps: request.steps, seed };
            let mut observe = |step: &Step<'_>| {
                let done = index * request.steps + step.done;
                if progress(done, total).is_break() {
                    return ControlFlow::Break(());
                }
                if let Some(left) = step.left
                    && onlooker.wants(done)
                {
                    match model.draft(index, left) {
                        Ok(draft) => onlooker.see(done, draft),
                        // What cannot be shown yet may still come right; the end is looked at more strictly.
                        Err(error) => tracing::debug!(%error, "a draft could not be shown"),
                    }
                }
                ControlFlow::Continue(())
            };
            let tokens = model.tokens(&text, length, None, &how, &mut observe)?;
            timings.tokens += start.elapsed();

            let start = Instant::now();
            let [first, second] = model.motion(&tokens)?;
            let out = post_process([&first, &second])?;
            let (motion, foot_fixed) = if request.rigid {
                stiffen(&out.plain, request.foot_fix).map_err(|source| {
                    Error::internal("model_failure", "the model gave bodies that cannot be put together")
                        .with_source(source)
                })?
            } else {
                (out.plain, request.foot_fix.then_some(out.fixed))
            };
            samples.push(Sample { index, seed, motion, foot_fixed, tokens: Some(tokens) });
            timings.decode += start.elapsed();
        }
        if progress(total, total).is_break() {
            return Err(Error::new(ErrorKind::Cancelled, "cancelled", "the generation was cancelled"));
        }
        Ok(Generated { samples, prompt_truncated, familiarity, timings })
    }

    fn edit(&mut self, request: &EditRequest, progress: Progress<'_>) -> Result<Generated> {
        match super::edit::without_model(request)? {
            Some(done) => Ok(done),
            None => edit::edit(self, request, progress),
        }
    }
}
