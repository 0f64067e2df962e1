//! How long a whole request takes, where the time goes, and how much memory it needs.
//!
//! `cargo bench --bench generate -- bundled` measures the bundled model, `-- full` InterMask at its official size with
//! random weights made by formula (the time does not depend on their values). Without a word, both. 3 s at 20 steps and
//! guidance 2; one warm-up, then rounds; the minimum and the median are printed. Where the CPU has a bf16 tile unit, rounds in f32
//! and in bf16 take turns.

use candle_core::Device;
use duet::generate::intermask::InterMask;
use duet::generate::{GenerateRequest, Generated, Generator};
use duet::models::config::{
    Activation, ClipTextConfig, InterMConfig, MotionLayout, Places, TextHeadConfig, VqConfig, WordAttention,
};
use duet::motion::Stats;
use duet::nn::precision;
use duet::package::expected::{self, Expected};
use duet::package::weights::{Precision, Tensors};
use duet::package::write::{Description, Writer};
use duet::package::{Package, Part, SearchPath};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

#[path = "../tests/parity/generator.rs"]
mod generator;

/// Rounds after the warm-up.
const ROUNDS: usize = 5;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    duet::nn::machine::threads::leave_elementwise_work_to_one_thread();
    let asked: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let wants = |name: &str| asked.is_empty() || asked.iter().any(|a| a == name);
    if wants("bundled") {
        let package = SearchPath::from_env().by_name(duet::package::DEFAULT_MODEL)?;
        measure("bundled model", &package)?;
    }
    if wants("full") {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let package = full_size(folder.path())?;
        measure("InterMask at official size, random weights", &package)?;
    }
    Ok(())
}

fn measure(name: &str, package: &Package) -> Result<(), Box<dyn std::error::Error>> {
    let start = Instant::now();
    let mut model = InterMask::load(package, &Device::Cpu)?;
    let load = start.elapsed();
    let request = GenerateRequest {
        prompt: "two people walk toward each other, shake right hands and step apart".into(),
        frames: 88,
        seed: 7,
        samples: 1,
        steps: 20,
        guidance: 2.0,
        top_k_ratio: 0.9,
        temperature: 1.0,
        memory: None,
        foot_fix: true,
        rigid: true,
    };
    let mut takes = 0..;
    let mut run = || -> duet::Result<(Duration, Generated)> {
        // A prompt that came before is not read again.
        let take = takes.next().unwrap_or(0);
        let request = GenerateRequest { prompt: format!("{} {take}", request.prompt), ..request.clone() };
        let start = Instant::now();
        let generated = model.generate(&request, &mut |_, _| ControlFlow::Continue(()))?;
        Ok((start.elapsed(), generated))
    };
    let mut forms = vec![("f32", precision::Precision::F32)];
    if precision::set(precision::Precision::Bf16).is_ok() {
        forms.push(("bf16", precision::Precision::Bf16));
    }
    let mut rounds: Vec<Vec<(Duration, Generated)>> = forms.iter().map(|_| Vec::new()).collect();
    for round in 0..=ROUNDS {
        for ((_, precision), rounds) in forms.iter().zip(&mut rounds) {
            precision::set(*precision)?;
            let measured = run()?;
            // The first round warms caches up.
            if round > 0 {
                rounds.push(measured);
            }
        }
    }
    precision::set(precision::Precision::F32)?;
    let work = gigaflops(package, request.frames / 4, request.steps);
    println!("{name}: 88 frames, 20 steps, guidance 2, {} threads", rayon::current_num_threads());
    println!("  load       {:>8.0} ms", load.as_secs_f64() * 1e3);
    println!("  work       {work:>8.0} GFLOP in matrix products");
    for ((form, _), mut rounds) in forms.iter().zip(rounds) {
        rounds.sort_by_key(|(total, _)| *total);
        let (least, generated) = &rounds[0];
        println!("  {form}");
        println!("    request  {:>8.0} ms (median {:.0} ms)", ms(*least), ms(rounds[ROUNDS / 2].0));
        println!("      text   {:>8.0} ms", ms(generated.timings.text));
        println!("      tokens {:>8.0} ms", ms(generated.timings.tokens));
        println!("      decode {:>8.0} ms", ms(generated.timings.decode));
        println!("    rate     {:>8.0} GFLOP/s", work / least.as_secs_f64());
    }
    if let Some(peak) = peak_memory() {
        println!("  peak       {:>8.0} MB resident so far", peak / 1e6);
    }
    Ok(())
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Multiply-adds of a request times two, in 1e9: every weight once a row, and the attention products.
fn gigaflops(package: &Package, frames: usize, steps: usize) -> f64 {
    let m = package.manifest();
    let (t, text, vq) = (&m.transformer, &m.text, &m.vq);
    let (d, n) = (t.latent_dim as f64, (10 * frames + 1) as f64);
    let half = n / 2.0;
    // Joint attention and feed-forward; then per person spatial, temporal, cross attention and feed-forward.
    let projections = n * (4.0 * d * d + 2.0 * d * t.ff as f64) + n * (12.0 * d * d + 2.0 * d * t.ff as f64);
    let scores = 2.0 * d * (n * n + 2.0 * half * half + n * frames as f64 + n * 5.0);
    let ends = n * (t.code_dim as f64 * d + d * d + d * t.codes as f64);
    let pass = 2.0 * (t.layers as f64 * (projections + scores) + ends);
    let tower = |layers: usize, w: f64, ff: f64| {
        2.0 * 77.0 * layers as f64 * (4.0 * w * w + 2.0 * w * ff + 2.0 * 77.0 * w)
    };
    let w = text.width as f64;
    let words = tower(text.layers, w, 4.0 * w) + tower(t.text_head.layers, w, t.text_head.ff as f64);
    let (c, rows) = (vq.width as f64, 4.0 * frames as f64);
    // Convolutions of the decoder: positions a frame at each resolution, taps, channels.
    let conv = |positions: f64, taps: f64| 2.0 * rows * positions * taps * c * c;
    let decode = conv(1.25, 9.0 + 10.0 * vq.depth as f64)
        + conv(5.5, 9.0 + 10.0 * vq.depth as f64)
        + conv(22.0, 18.0 + 1.0);
    (2.0 * steps as f64 * pass + words + 2.0 * decode) / 1e9
}

/// Highest resident size of this process so far, bytes, where the system tells.
fn peak_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? * 1024.0)
}

/// A package of InterMask's published dimensions (InterMask spec §6) with weights made by formula.
fn full_size(root: &std::path::Path) -> Result<Package, Box<dyn std::error::Error>> {
    let about = Description {
        guidance: None,
        title: "Official size, random weights".into(),
        knows: "Nothing; for measuring only".into(),
        examples: Vec::new(),
        licence: "none".into(),
        provenance: "made by formula".into(),
        fps: 30,
        vq: VqConfig {
            layout: MotionLayout::InterHuman,
            width: 512,
            code_dim: 512,
            codes: 1024,
            depth: 2,
            dilation_growth: 3,
            places: Places::World,
            activation: Activation::Relu,
        },
        transformer: InterMConfig {
            codes: 1024,
            code_dim: 512,
            latent_dim: 384,
            heads: 6,
            layers: 6,
            ff: 1024,
            text_dim: 768,
            person_embedding: false,
            single_residual: false,
            word_attention: WordAttention::Off,
            text_head: TextHeadConfig { layers: 2, heads: 8, ff: 2048 },
        },
        text: ClipTextConfig { width: 768, heads: 12, layers: 12, vocab: 49408, context: 77 },
        known: None,
        memory: None,
    };
    let made = |expected: Expected| -> candle_core::Result<Tensors> {
        let shapes = expected.required.into_iter().collect();
        Ok(generator::weights(&shapes, "", 371)?.into_iter().collect())
    };
    let mut writer = Writer::begin(root, "full-size", true)?;
    writer.part(Part::Vq, &made(expected::vq(&about.vq))?, Precision::Full)?;
    writer.part(Part::Transformer, &made(expected::transformer(&about.transformer))?, Precision::Full)?;
    writer.part(Part::Text, &made(expected::text(&about.text))?, Precision::Full)?;
    writer.statistics(&Stats::new(vec![0.0; 262], vec![0.1; 262])?)?;
    Ok(writer.finish(about)?)
}
