//! Choosing a code from one position's logits (InterMask spec §4.6).

use super::noise::Draw;

/// A chosen code and how sure the model was of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// Code id.
    pub id: u32,
    /// Softmax probability of `id` under the unfiltered logits.
    pub score: f32,
}

/// Codes that filtering keeps: ceil((1 − ratio)·codes), at least one.
pub fn kept(codes: usize, ratio: f64) -> usize {
    (((1.0 - ratio) * codes as f64).ceil() as usize).clamp(1, codes)
}

/// Guided logits: unconditional + (conditional − unconditional)·scale.
pub fn guide(conditional: &[f32], unconditional: &[f32], scale: f32, out: &mut Vec<f32>) {
    out.clear();
    out.extend(conditional.iter().zip(unconditional).map(|(c, u)| u + (c - u) * scale));
}

/// Choose among the `keep` largest of `logits`; `temperature` divides them, 1 equals upstream.
pub fn choose(
    logits: &[f32],
    keep: usize,
    temperature: f32,
    draw: Draw<'_>,
    scratch: &mut Vec<f32>,
) -> Choice {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    scratch.clear();
    scratch.extend_from_slice(logits);
    let threshold = *scratch.select_nth_unstable_by(keep - 1, |a, b| b.total_cmp(a)).1;
    let id = match draw {
        Draw::Uniform(u) => categorical(logits, threshold, highest, temperature, u),
        Draw::Gumbel(noise) => {
            largest(logits.iter().zip(noise).map(|(&l, n)| survivor(l, threshold) / temperature + n))
        }
        Draw::Greedy => largest(logits.iter().copied()),
    };
    let total: f64 = logits.iter().map(|&l| f64::from(l - highest).exp()).sum();
    Choice { id: id as u32, score: (f64::from(logits[id] - highest).exp() / total) as f32 }
}

fn survivor(logit: f32, threshold: f32) -> f32 {
    if logit >= threshold { logit } else { f32::NEG_INFINITY }
}

fn largest(values: impl Iterator<Item = f32>) -> usize {
    let mut best = (0, f32::NEG_INFINITY);
    for (i, v) in values.enumerate() {
        if v > best.1 {
            best = (i, v);
        }
    }
    best.0
}

/// The first index whose cumulative probability, in f64, exceeds `u`.
fn categorical(logits: &[f32], threshold: f32, highest: f32, temperature: f32, u: f32) -> usize {
    let weight = |l: f32| {
        if l >= threshold { (f64::from(l - highest) / f64::from(temperature)).exp() } else { 0.0 }
    };
    let total: f64 = logits.iter().map(|&l| weight(l)).sum();
    let mut sum = 0.0;
    let mut last = 0;
    for (i, &l) in logits.iter().enumerate() {
        let w = weight(l);
        if w > 0.0 {
            sum += w;
            last = i;
            if sum / total > f64::from(u) {
                return i;
            }
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filtering_keeps_what_upstream_keeps() {
        assert_eq!(kept(1024, 0.9), 103);
        assert_eq!(kept(64, 0.9), 7);
        assert_eq!(kept(64, 0.5), 32);
        assert_eq!(kept(8, 0.999), 1);
        assert_eq!(kept(8, 0.0), 8);
    }

    #[test]
    fn uniform_draws_follow_the_filtered_distribution() {
        let logits = [0.0f32, 2.0, 1.0, -4.0];
        let mut scratch = Vec::new();
        let mut pick = |u| choose(&logits, 2, 1.0, Draw::Uniform(u), &mut scratch).id;
        // Kept: codes 1 and 2 with probabilities 0.731 and 0.269.
        assert_eq!(pick(0.0), 1);
        assert_eq!(pick(0.73), 1);
        assert_eq!(pick(0.74), 2);
        assert_eq!(pick(0.999_999), 2);
    }

    #[test]
    fn temperature_acts_and_scores_use_unfiltered_logits() {
        let logits = [0.0f32, 1.0];
        let mut scratch = Vec::new();
        let cold = choose(&logits, 2, 0.1, Draw::Uniform(0.01), &mut scratch);
        assert_eq!(cold.id, 1);
        let warm = choose(&logits, 2, 1.0, Draw::Uniform(0.01), &mut scratch);
        assert_eq!(warm.id, 0);
        assert!((cold.score - 0.731_058_6).abs() < 1e-6);
    }
}
