//! The flags of whatever draws tokens: `generate` and every edit that asks the model.

use crate::engine::RawRequest;
use clap::Args;

/// How motion is drawn.
#[derive(Debug, Args)]
pub struct DrawingArgs {
    /// Seed of the first sample; the next ones use the following numbers [default: drawn at random and told]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    seed: Option<i128>,
    /// How many different motions, 1 to 8 [default: 1]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    samples: Option<i128>,
    /// Decoding steps, 1 to 64 [default: 20]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    steps: Option<i128>,
    /// How closely to follow the sentence, 0 to 10; 1 is no guidance [default: the model's; twice that in `edit window --prompt`]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    guidance: Option<f64>,
    /// Share of the motion codes that are never drawn, from 0 to below 1 [default: 0.9]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    top_k_ratio: Option<f64>,
    /// Above 1 more varied, below 1 more careful; up to 10 [default: 1]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    temperature: Option<f64>,
}

impl From<DrawingArgs> for RawRequest {
    fn from(args: DrawingArgs) -> Self {
        let DrawingArgs { seed, samples, steps, guidance, top_k_ratio, temperature } = args;
        Self { seed, samples, steps, guidance, top_k_ratio, temperature, ..Self::default() }
    }
}
