//! What a batch of clips gains over the same clips one after the other, in the decoding of tokens of the bundled model.
//!
//! `cargo bench --bench batching`: eight 3-second clips with prompts of their own, 20 steps, guidance 2; both forms take turns, the least of
//! the rounds counts. The tokens are compared too.

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use duet::generate::masked::{Clips, DecodeSettings, decode};
use duet::generate::noise::Seeded;
use duet::models::inter_m::{InterM, TextFeatures};
use duet::nn::dropout::Keep;
use duet::package::{Part, SearchPath};
use duet::text::clip::{ClipText, end_positions};
use duet::text::tokenizer::{CONTEXT, Tokenizer};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

const ROUNDS: usize = 5;
/// Token frames of a clip: 88 frames, 2.9 s.
const LENGTH: usize = 22;
const PROMPTS: [&str; 8] = [
    "two people dance salsa",
    "one person waves with the left hand",
    "one person chases the other",
    "two people shake hands",
    "one person pushes the other",
    "two people bow to each other",
    "one person kicks with the right leg",
    "two people walk side by side",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    duet::nn::threads::leave_elementwise_work_to_one_thread();
    let device = &Device::Cpu;
    let package = SearchPath::from_env().by_name(duet::package::DEFAULT_MODEL)?;
    let manifest = package.manifest();
    let weights =
        |part| Ok::<_, duet::Error>(VarBuilder::from_tensors(package.tensors(part)?, DType::F32, device));
    let tower = ClipText::new(&manifest.text, weights(Part::Text)?)?;
    let model = InterM::new(&manifest.transformer, weights(Part::Transformer)?)?;
    let features = |prompts: &[&str]| -> Result<TextFeatures, Box<dyn std::error::Error>> {
        let ids: Vec<u32> = prompts.iter().flat_map(|prompt| Tokenizer::clip().encode(prompt).ids).collect();
        let ids = Tensor::from_vec(ids, (prompts.len(), CONTEXT), device)?;
        Ok(model.text(&tower.forward(&ids, &mut ())?, &end_positions(&ids)?, &mut Keep)?)
    };
    let settings = DecodeSettings { steps: 20, guidance: 2.0, top_k_ratio: 0.9, temperature: 1.0 };
    let run = |prompts: &[&str], seeds: &[u64]| -> Result<Vec<Vec<i64>>, Box<dyn std::error::Error>> {
        let lengths = vec![LENGTH; prompts.len()];
        let clips = Clips { text: &features(prompts)?, lengths: &lengths, known: None };
        Ok(decode(&model, &clips, &settings, &Seeded::new(seeds), &mut |_| ControlFlow::Continue(()))?)
    };

    let seeds: Vec<u64> = (0..PROMPTS.len() as u64).collect();
    let mut least = [Duration::MAX; 2];
    let mut same = true;
    for round in 0..=ROUNDS {
        let start = Instant::now();
        let together = run(&PROMPTS, &seeds)?;
        let batch = start.elapsed();
        let start = Instant::now();
        let mut alone = Vec::new();
        for (prompt, seed) in PROMPTS.iter().zip(&seeds) {
            alone.extend(run(&[*prompt], &[*seed])?);
        }
        // The first round warms caches up.
        if round > 0 {
            least = [least[0].min(batch), least[1].min(start.elapsed())];
        }
        same &= together == alone;
    }
    let [batch, alone] = least.map(|time| time.as_secs_f64() * 1e3);
    println!(
        "{} clips of {LENGTH} token frames, 20 steps, guidance 2, {} threads",
        PROMPTS.len(),
        rayon::current_num_threads()
    );
    println!("  one after the other {alone:>8.0} ms");
    println!("  one batch           {batch:>8.0} ms");
    println!("  throughput of the batch {:.2} times that of one at a time", alone / batch);
    println!("  tokens {}", if same { "the same" } else { "DIFFER" });
    Ok(())
}
