//! Cross entropy over the positions that are asked for, with its derivative, in one pass on the host.
//!
//! Only labelled positions are read: a softmax over all (rows, K, 10·L) logits would spend most of its time on
//! numbers that nobody asks for.

use super::masking::Prediction;
use rayon::prelude::*;

/// Result of [`cross_entropy`].
#[derive(Clone, Debug)]
pub struct CrossEntropy {
    /// Mean of −ln p(label), nats.
    pub loss: f64,
    /// Share of labels that are the most probable code.
    pub accuracy: f64,
    /// Labelled positions.
    pub labels: usize,
    /// d loss / d logits, same layout as the logits.
    pub gradient: Vec<f32>,
}

/// `logits` (positions, `codes`) row-major against `labels` (positions).
pub fn cross_entropy(logits: &[f32], codes: usize, labels: &[Option<u32>]) -> CrossEntropy {
    let asked = labels.iter().flatten().count();
    let scale = if asked == 0 { 0.0 } else { 1.0 / asked as f32 };
    let mut gradient = vec![0f32; logits.len()];
    let parts: Vec<(f64, bool)> = gradient
        .par_chunks_mut(codes)
        .zip(logits.par_chunks(codes))
        .zip(labels)
        .filter_map(|((gradient, logits), label)| label.map(|label| (gradient, logits, label as usize)))
        .map(|(gradient, logits, label)| {
            let (best, top) = largest(logits);
            let mut sum = 0f32;
            for (g, logit) in gradient.iter_mut().zip(logits) {
                *g = (logit - top).exp();
                sum += *g;
            }
            for g in gradient.iter_mut() {
                *g *= scale / sum;
            }
            gradient[label] -= scale;
            (f64::from(sum.ln() + top - logits[label]), best == label)
        })
        .collect();
    let loss = parts.iter().map(|p| p.0).sum::<f64>() * f64::from(scale);
    let hits = parts.iter().filter(|p| p.1).count();
    CrossEntropy { loss, accuracy: hits as f64 * f64::from(scale), labels: asked, gradient }
}

/// The most probable code at each position where `wanted`; elsewhere code 0 with probability 1.
pub fn predictions(logits: &[f32], codes: usize, wanted: &[bool]) -> Vec<Prediction> {
    logits
        .par_chunks(codes)
        .zip(wanted)
        .map(|(logits, wanted)| {
            if !wanted {
                return Prediction { code: 0, probability: 1.0 };
            }
            let (best, top) = largest(logits);
            let sum: f32 = logits.iter().map(|logit| (logit - top).exp()).sum();
            Prediction { code: best as u32, probability: 1.0 / sum }
        })
        .collect()
}

/// Index and value of the largest; the first of equals.
fn largest(values: &[f32]) -> (usize, f32) {
    let mut best = (0, f32::NEG_INFINITY);
    for (i, value) in values.iter().enumerate() {
        if *value > best.1 {
            best = (i, *value);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradient_agrees_with_finite_differences() {
        let logits = [0.3f32, -1.0, 2.0, 0.1, 0.2, 0.3, 1.0, 1.5, -0.5];
        let labels = [Some(2), None, Some(0)];
        let ce = cross_entropy(&logits, 3, &labels);
        assert_eq!(ce.labels, 2);
        assert_eq!(ce.accuracy, 0.5);
        for k in 0..9 {
            let (mut up, mut down) = (logits, logits);
            up[k] += 1e-2;
            down[k] -= 1e-2;
            let slope = (cross_entropy(&up, 3, &labels).loss - cross_entropy(&down, 3, &labels).loss) / 2e-2;
            assert!((slope - f64::from(ce.gradient[k])).abs() < 1e-4, "{k}: {slope} {}", ce.gradient[k]);
        }
    }

    #[test]
    fn no_label_costs_nothing() {
        let ce = cross_entropy(&[1.0, 2.0], 2, &[None]);
        assert_eq!((ce.loss, ce.accuracy), (0.0, 0.0));
        assert!(ce.gradient.iter().all(|g| *g == 0.0));
    }

    #[test]
    fn probability_of_the_best() {
        let p = predictions(&[0.0, 0.0, 1.0, 1.0], 2, &[true, false]);
        assert_eq!(p[0], Prediction { code: 0, probability: 0.5 });
        assert_eq!(p[1].probability, 1.0);
    }
}
