//! A step over several parts of a batch at once: gradients are averaged, as data-parallel training on several
//! devices does. On the CPU it fills the cores where single tensor operations cannot.

use super::optim::Gradients;
use super::transformer_step::TransformerPass;
use crate::error::Result;

/// What a step found, averaged over its parts.
pub struct StepScore {
    /// CE₁ + weight·CE₂ + weight·contrast.
    pub loss: f64,
    /// Mean of the passes' accuracies.
    pub accuracy: f64,
    /// Cross entropy of each pass, nats.
    pub cross_entropy: Vec<f64>,
    /// Accuracy of each pass.
    pub accuracy_of_pass: Vec<f64>,
    /// Clips whose own caption is likelier than another one, and clips where that was looked at.
    pub told_apart: [usize; 2],
    /// d loss / d variable.
    pub gradients: Gradients,
}

/// Rows `from..to` of each of `parts` parts of a batch of `rows`; parts differ by one row at most, none is empty.
pub fn parts(rows: usize, parts: usize) -> Vec<std::ops::Range<usize>> {
    let parts = parts.clamp(1, rows.max(1));
    (0..parts).map(|i| i * rows / parts..(i + 1) * rows / parts).collect()
}

/// Multiply every gradient.
///
/// # Errors
/// From the tensor library.
pub fn scale(gradients: &mut Gradients, by: f64) -> Result<()> {
    for gradient in gradients.values_mut() {
        *gradient = (&*gradient * by)?;
    }
    Ok(())
}

/// Add the gradients of another part, of the same variables.
///
/// # Errors
/// From the tensor library.
pub fn add(sum: &mut Gradients, other: Gradients) -> Result<()> {
    for (name, gradient) in other {
        if let Some(total) = sum.get_mut(&name) {
            *total = (&*total + gradient)?;
        }
    }
    Ok(())
}

/// The mean of the parts' scores and gradients, weighted by `rows`. Each part's loss is the mean over its own labels, so
/// this equals one large batch only as far as parts have equally many.
///
/// # Errors
/// From the additions. There is at least one part.
pub fn average(passes: Vec<TransformerPass>, rows: &[usize]) -> Result<StepScore> {
    let all = rows.iter().sum::<usize>().max(1) as f64;
    let mut score: Option<StepScore> = None;
    for (pass, &rows) in passes.into_iter().zip(rows) {
        let share = rows as f64 / all;
        let each = |f: fn(&super::cross_entropy::CrossEntropy) -> f64| -> Vec<f64> {
            pass.passes.iter().map(|pass| share * f(&pass.score)).collect()
        };
        let (cross_entropy, accuracy_of_pass) = (each(|s| s.loss), each(|s| s.accuracy));
        let told_apart = pass.told_apart;
        let mut gradients = pass.gradients;
        if rows as f64 != all {
            scale(&mut gradients, share)?;
        }
        let add_to = |a: &mut Vec<f64>, b: &[f64]| a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        match &mut score {
            None => {
                let (loss, accuracy) = (share * pass.loss, share * pass.accuracy);
                score = Some(StepScore {
                    loss,
                    accuracy,
                    cross_entropy,
                    accuracy_of_pass,
                    told_apart,
                    gradients,
                });
            }
            Some(sum) => {
                sum.loss += share * pass.loss;
                sum.accuracy += share * pass.accuracy;
                sum.told_apart.iter_mut().zip(told_apart).for_each(|(a, b)| *a += b);
                add_to(&mut sum.cross_entropy, &cross_entropy);
                add_to(&mut sum.accuracy_of_pass, &accuracy_of_pass);
                add(&mut sum.gradients, gradients)?;
            }
        }
    }
    score.ok_or_else(|| crate::error::Error::internal("no_batch", "a training step had no clips"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_the_batch_once() {
        assert_eq!(parts(8, 2), [0..4, 4..8]);
        assert_eq!(parts(5, 2), [0..2, 2..5]);
        assert_eq!(parts(1, 4), vec![0..1]);
    }
}
