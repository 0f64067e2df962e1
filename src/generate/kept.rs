//! A request as it is kept on disk. A request without a word on memory has the bytes that it had before there was one, in formats that
//! write fields one after the other without their names.

use super::GenerateRequest;
use serde::{Deserialize, Serialize};

/// The fields of [`GenerateRequest`] in the order in which they are kept.
#[derive(Serialize, Deserialize)]
pub(super) struct Request {
    prompt: String,
    frames: usize,
    seed: u64,
    samples: usize,
    steps: usize,
    guidance: f32,
    top_k_ratio: f64,
    temperature: f32,
    foot_fix: bool,
    end: End,
}

/// `rigid` and `memory`. The first two have the numbers of `false` and `true`, which is what stood here before.
#[derive(Serialize, Deserialize)]
enum End {
    Loose,
    Rigid,
    LooseWithMemory(f32),
    RigidWithMemory(f32),
}

impl From<GenerateRequest> for Request {
    fn from(request: GenerateRequest) -> Self {
        let GenerateRequest {
            prompt, frames, seed, samples, steps, guidance, top_k_ratio, temperature, ..
        } = request;
        let end = match (request.rigid, request.memory) {
            (false, None) => End::Loose,
            (true, None) => End::Rigid,
            (false, Some(share)) => End::LooseWithMemory(share),
            (true, Some(share)) => End::RigidWithMemory(share),
        };
        let foot_fix = request.foot_fix;
        Self { prompt, frames, seed, samples, steps, guidance, top_k_ratio, temperature, foot_fix, end }
    }
}

impl From<Request> for GenerateRequest {
    fn from(kept: Request) -> Self {
        let Request {
            prompt,
            frames,
            seed,
            samples,
            steps,
            guidance,
            top_k_ratio,
            temperature,
            foot_fix,
            end,
        } = kept;
        let (rigid, memory) = match end {
            End::Loose => (false, None),
            End::Rigid => (true, None),
            End::LooseWithMemory(share) => (false, Some(share)),
            End::RigidWithMemory(share) => (true, Some(share)),
        };
        Self {
            prompt,
            frames,
            seed,
            samples,
            steps,
            guidance,
            top_k_ratio,
            temperature,
            memory,
            foot_fix,
            rigid,
        }
    }
}
