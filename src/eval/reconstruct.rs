//! How much motion survives the VQ-VAE: whole clips encoded, quantised, decoded.

use super::Skate;
use crate::data::RawPair;
use crate::error::{Error, Result};
use crate::models::vqvae::{GraphMode, TIME_STRIDE, VqVae};
use crate::motion::canonical::canonicalise_pair;
use crate::motion::contact::ContactRule;
use crate::motion::export::post_process;
use crate::motion::rigid::stiffen;
use crate::motion::{FEATURES, FPS, Features, JOINTS, Motion, Pose, Stats};
use crate::nn::dropout::Keep;
use candle_core::{Device, Tensor};
use serde::Serialize;

/// Errors and skating over a set of clips.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Reconstruction {
    /// Pairs looked at.
    pub clips: usize,
    /// Frames of one person, summed over people and clips.
    pub frames: usize,
    /// Mean distance (cm) of a reconstructed joint to the real one.
    pub joint_error_cm: f64,
    /// The same with both pelvises put in one place: the error of the pose alone.
    pub pose_error_cm: f64,
    /// Mean distance of the pelvis (cm): the error of the path.
    pub path_error_cm: f64,
    /// Joint error (cm) of latents that are decoded as they are: what is left to any codebook.
    pub joint_error_without_codes_cm: f64,
    /// Pose error (cm) without codes.
    pub pose_error_without_codes_cm: f64,
    /// How fast hands that move are afterwards, as a share of how fast they were: 1 where waves and claps keep their size. Of wrists that
    /// move at [`LIVELY`] or more relative to the pelvis.
    pub hand_speed_kept: f64,
    /// The same without codes.
    pub hand_speed_kept_without_codes: f64,
    /// Codes that occur, of all there are.
    pub codes_used: usize,
    /// exp(entropy) of how often each code occurs over all clips.
    pub perplexity: f64,
    /// Skating of the real motion.
    pub skate_real: Skate,
    /// Skating of the decoded motion as a generation would be written: smoothed.
    pub skate_reconstructed: Skate,
    /// The same after the foot fix.
    pub skate_foot_fixed: Skate,
}

/// Speed of a wrist from which on it counts as moving, m/s relative to the pelvis.
const LIVELY: f64 = 0.5;
/// Wrists among the joints.
const WRISTS: [usize; 2] = [20, 21];

/// Speeds of wrists that move, m/s, summed.
#[derive(Default)]
struct Hands {
    real: f64,
    made: f64,
}

/// Sums of distances in metres.
#[derive(Default)]
struct Sums {
    joint: f64,
    pose: f64,
    path: f64,
}

/// Reconstruct both people of each pair. Frames beyond the last multiple of four are left out. `progress` is told clips done.
///
/// # Errors
/// As [`canonicalise_pair`] and the model.
pub fn reconstruct(
    vq: &VqVae,
    stats: &Stats,
    pairs: &[RawPair],
    device: &Device,
    mut progress: impl FnMut(usize),
) -> Result<Reconstruction> {
    let mut report = Reconstruction::default();
    let (mut sums, mut without_codes) = (Sums::default(), Sums::default());
    let [mut hands, mut free_hands] = [Hands::default(), Hands::default()];
    let mut counts = vec![0u64; vq.config().codes];
    for pair in pairs {
        let [first, second] = &pair.persons;
        let real = canonicalise_pair([first, second], &ContactRule::default())?.features;
        let frames = real[0].frames() / TIME_STRIDE * TIME_STRIDE;
        if frames == 0 {
            continue;
        }
        let latents = latents(vq, stats, &real, frames, device)?;
        let ids = vq.quantizer.nearest(&latents)?;
        for id in ids.flatten_all()?.to_vec1::<u32>()? {
            counts[id as usize] += 1;
        }
        let made = features(vq, stats, &vq.quantizer.lookup(&ids)?)?;
        let free = features(vq, stats, &latents)?;
        for ((real, made), free) in real.iter().zip(&made).zip(&free) {
            let (real, made, free) = (real.positions(), made.positions(), free.positions());
            report.skate_real = report.skate_real.and(Skate::of(&real[..frames]));
            hands.add(&real[..frames], &made);
            free_hands.add(&real[..frames], &free);
            for ((real, made), free) in real.iter().zip(&made).zip(&free) {
                sums.add(real, made);
                without_codes.add(real, free);
            }
        }
        let written = post_process([&made[0], &made[1]])?;
        for person in 0..2 {
            let (plain, fixed) = (&written.plain.persons[person], &written.fixed.persons[person]);
            report.skate_reconstructed = report.skate_reconstructed.and(Skate::of(&plain.positions));
            report.skate_foot_fixed = report.skate_foot_fixed.and(Skate::of(&fixed.positions));
        }
        report.clips += 1;
        report.frames += 2 * frames;
        progress(report.clips);
    }
    let frames = report.frames.max(1) as f64;
    report.joint_error_cm = 100.0 * sums.joint / (frames * JOINTS as f64);
    report.pose_error_cm = 100.0 * sums.pose / (frames * JOINTS as f64);
    report.path_error_cm = 100.0 * sums.path / frames;
    report.joint_error_without_codes_cm = 100.0 * without_codes.joint / (frames * JOINTS as f64);
    report.pose_error_without_codes_cm = 100.0 * without_codes.pose / (frames * JOINTS as f64);
    report.hand_speed_kept = hands.kept();
    report.hand_speed_kept_without_codes = free_hands.kept();
    report.codes_used = counts.iter().filter(|n| **n > 0).count();
    report.perplexity = perplexity(&counts);
    Ok(report)
}

/// A pair through the autoencoder, and on from there as a generation is shown: smoothed, on rigid bodies, feet fixed. Frames beyond
/// the last multiple of four are left out.
///
/// # Errors
/// `motion_too_short` where nothing is left; as [`canonicalise_pair`] and the model.
pub fn round_trip(vq: &VqVae, stats: &Stats, pair: &RawPair, device: &Device) -> Result<Motion> {
    let [first, second] = &pair.persons;
    let real = canonicalise_pair([first, second], &ContactRule::default())?.features;
    let frames = real[0].frames() / TIME_STRIDE * TIME_STRIDE;
    if frames == 0 {
        return Err(Error::invalid("motion_too_short", "a motion to encode has at least four frames"));
    }
    let latents = latents(vq, stats, &real, frames, device)?;
    let codes = vq.quantizer.lookup(&vq.quantizer.nearest(&latents)?)?;
    let [first, second] = features(vq, stats, &codes)?;
    let (plain, fixed) = stiffen(&post_process([&first, &second])?.plain, true)?;
    Ok(fixed.unwrap_or(plain))
}

/// Latents (2, PARTS·L, code_dim) of the first `frames` frames of both people.
fn latents(
    vq: &VqVae,
    stats: &Stats,
    real: &[Features; 2],
    frames: usize,
    device: &Device,
) -> Result<Tensor> {
    let mut values = Vec::with_capacity(2 * frames * FEATURES);
    for person in real {
        values.extend_from_slice(&stats.normalise(person).data()[..frames * FEATURES]);
    }
    let motion = Tensor::from_vec(values, (2, frames, FEATURES), device)?;
    Ok(vq.latents(&motion, GraphMode::PerClip, &mut Keep, &mut ())?)
}

/// Both people's features, denormalised, of code vectors (2, PARTS·L, code_dim).
fn features(vq: &VqVae, stats: &Stats, codes: &Tensor) -> Result<[Features; 2]> {
    let made = vq.decode_codes(codes, GraphMode::PerClip, &mut Keep)?;
    let person = |i: usize| -> Result<Features> {
        Ok(stats.denormalise(&Features::new(made.get(i)?.flatten_all()?.to_vec1()?)?))
    };
    Ok([person(0)?, person(1)?])
}

/// exp(−Σ p ln p) of counts.
fn perplexity(counts: &[u64]) -> f64 {
    let total = counts.iter().sum::<u64>().max(1) as f64;
    let shares = counts.iter().filter(|n| **n > 0).map(|n| *n as f64 / total);
    shares.map(|p| -p * p.ln()).sum::<f64>().exp()
}

impl Sums {
    fn add(&mut self, real: &Pose, made: &Pose) {
        let offset: [f32; 3] = std::array::from_fn(|a| made[0][a] - real[0][a]);
        for (real, made) in real.iter().zip(made) {
            self.joint += distance(real, made, [0.0; 3]);
            self.pose += distance(real, made, offset);
        }
        self.path += distance(&real[0], &made[0], [0.0; 3]);
    }
}

impl Hands {
    /// Frames of one person.
    fn add(&mut self, real: &[Pose], made: &[Pose]) {
        for (real, made) in real.windows(2).zip(made.windows(2)) {
            for wrist in WRISTS {
                let speed = |frames: &[Pose]| {
                    let offset = std::array::from_fn(|a| frames[1][0][a] - frames[0][0][a]);
                    f64::from(FPS) * distance(&frames[0][wrist], &frames[1][wrist], offset)
                };
                let was = speed(real);
                if was >= LIVELY {
                    self.real += was;
                    self.made += speed(made);
                }
            }
        }
    }

    /// 1 where no hand moves.
    fn kept(&self) -> f64 {
        if self.real > 0.0 { self.made / self.real } else { 1.0 }
    }
}

/// |made − offset − real|.
fn distance(real: &[f32; 3], made: &[f32; 3], offset: [f32; 3]) -> f64 {
    (0..3).map(|a| f64::from(made[a] - offset[a] - real[a]).powi(2)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn perplexity_counts_codes_that_are_used_alike() {
        assert!((perplexity(&[5, 5, 0, 5, 5]) - 4.0).abs() < 1e-9);
        assert!((perplexity(&[7, 0]) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_wave_of_half_its_size_keeps_half_its_speed() {
        // The left wrist to and fro by `size` metres, while the body walks.
        let waving = |size: f32| -> Vec<Pose> {
            let frame = |t: usize| {
                let mut pose = [[0.02 * t as f32, 0.9, 0.2]; JOINTS];
                pose[WRISTS[0]][2] += size * (t % 2) as f32;
                pose
            };
            (0..30).map(frame).collect()
        };
        let mut hands = Hands::default();
        hands.add(&waving(0.1), &waving(0.05));
        assert!((hands.kept() - 0.5).abs() < 1e-4, "{}", hands.kept());
        let mut still = Hands::default();
        still.add(&waving(0.01), &waving(0.05));
        assert_eq!(still.kept(), 1.0, "who moves too little is not asked");
    }

    #[test]
    fn a_shifted_body_has_a_path_error_and_no_pose_error() {
        let real = [[0.1, 0.9, 0.2]; JOINTS];
        let mut made = real;
        made.iter_mut().for_each(|joint| joint[0] += 0.03);
        let mut sums = Sums::default();
        sums.add(&real, &made);
        assert!((sums.joint / JOINTS as f64 - 0.03).abs() < 1e-6);
        assert!((sums.path - 0.03).abs() < 1e-6);
        assert!(sums.pose < 1e-6);
    }
}
