//! The models that the engine offers, and what may be told about them.

use super::worker::{Loader, Worker};
use super::{DEFAULT_GUIDANCE, Limits};
use crate::error::Result;
use crate::package::{Example, Part, examples};

/// A model to offer, and how to get it.
#[derive(Clone)]
pub struct ModelSpec {
    /// What requests call it.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// What it knows, in one line.
    pub knows: String,
    /// Prompts that it answers well.
    pub examples: Vec<Example>,
    /// Guidance of requests that say none, where it is not the usual one.
    pub guidance: Option<f64>,
    /// How much of a remembered clip stays in requests that do not say, if it remembers any.
    pub memory: Option<f64>,
    /// Terms of its weights.
    pub licence: String,
    /// What it is made of.
    pub files: Vec<ModelFile>,
    /// Makes it.
    pub loader: Loader,
}

/// A file of weights, and how to tell it from any other.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ModelFile {
    /// Which part of the model it holds.
    pub part: String,
    /// Its size.
    pub bytes: u64,
    /// Lower-case hexadecimal.
    pub sha256: String,
}

/// A model that is offered.
pub(super) struct Model {
    pub(super) name: String,
    title: String,
    knows: String,
    examples: Vec<Example>,
    pub(super) guidance: f64,
    memory: Option<f64>,
    licence: String,
    files: Vec<ModelFile>,
    pub(super) worker: Worker,
}

/// What may be told about a model.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)] // As in `ModelSpec`.
pub struct ModelInfo<'a> {
    pub name: &'a str,
    pub title: &'a str,
    pub knows: &'a str,
    pub examples: &'a [Example],
    pub guidance: f64,
    pub memory: Option<f64>,
    pub licence: &'a str,
    pub files: &'a [ModelFile],
}

impl<'a> ModelInfo<'a> {
    /// Its examples by family.
    pub fn families(&self) -> Vec<(&'a str, Vec<&'a Example>)> {
        examples::by_family(self.examples)
    }
}

impl Model {
    /// Start its thread.
    pub(super) fn start(spec: ModelSpec, limits: Limits) -> Result<Self> {
        let ModelSpec { name, title, knows, examples, guidance, memory, licence, files, loader } = spec;
        let worker = Worker::start(&name, loader, limits)?;
        let guidance = guidance.unwrap_or(DEFAULT_GUIDANCE);
        Ok(Self { name, title, knows, examples, guidance, memory, licence, files, worker })
    }

    /// SHA-256 of the VQ-VAE, whose codes its tokens name.
    pub(super) fn codes(&self) -> Option<&str> {
        self.files.iter().find(|file| file.part == Part::Vq.word()).map(|file| file.sha256.as_str())
    }

    pub(super) fn info(&self) -> ModelInfo<'_> {
        let Self { name, title, knows, examples, guidance, memory, licence, files, worker: _ } = self;
        ModelInfo { name, title, knows, examples, guidance: *guidance, memory: *memory, licence, files }
    }
}
