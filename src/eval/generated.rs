//! What a model makes of captions.

use super::Skate;
use crate::error::Result;
use crate::generate::{FRAMES_PER_TOKEN, GenerateRequest, Generator, MAX_FRAMES, MIN_FRAMES};
use serde::Serialize;
use std::ops::ControlFlow;

/// Skating over generated motion.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Generation {
    /// Pairs generated.
    pub clips: usize,
    /// As the model gave it, smoothed.
    pub skate_plain: Skate,
    /// After the foot fix.
    pub skate_foot_fixed: Skate,
}

/// One clip for each (caption, frames), seeds counting from `seed`, everything else as the program's defaults. Lengths are
/// brought into the range that can be asked for. `progress` is told clips done.
///
/// # Errors
/// Of the generator.
pub fn generate(
    generator: &mut dyn Generator,
    clips: &[(String, usize)],
    seed: u64,
    mut progress: impl FnMut(usize),
) -> Result<Generation> {
    let mut report = Generation::default();
    for (n, (caption, frames)) in clips.iter().enumerate() {
        let request = GenerateRequest {
            prompt: caption.clone(),
            frames: (*frames).clamp(MIN_FRAMES, MAX_FRAMES) / FRAMES_PER_TOKEN * FRAMES_PER_TOKEN,
            seed: seed.wrapping_add(n as u64),
            samples: 1,
            steps: 20,
            guidance: 2.0,
            top_k_ratio: 0.9,
            temperature: 1.0,
            memory: None,
            foot_fix: true,
            rigid: true,
        };
        let made = generator.generate(&request, &mut |_, _| ControlFlow::Continue(()))?;
        for sample in &made.samples {
            for person in &sample.motion.persons {
                report.skate_plain = report.skate_plain.and(Skate::of(&person.positions));
            }
            for person in &sample.shown().persons {
                report.skate_foot_fixed = report.skate_foot_fixed.and(Skate::of(&person.positions));
            }
            report.clips += 1;
        }
        progress(report.clips);
    }
    Ok(report)
}
