//! Learning to tell captions apart. Ours, not upstream's: cross entropy alone learns what a clip of an interaction looks like long before it
//! heeds the one word that says with which hand, since that word decides few tokens of few clips.
//!
//! A clip's masked tokens are guessed a second time under a caption that is not its own, and have to be likelier under its own.

use super::cross_entropy::{CrossEntropy, cross_entropy};
use crate::motion::mirror::{CaptionRule, mirror_caption};
use rayon::prelude::*;

/// By how much likelier a clip's tokens are to be under its own caption, nats a token; more than that is not asked for.
const MARGIN: f64 = 0.2;
/// How sharply it stops mattering around the margin, per nat.
const SHARPNESS: f64 = 10.0;

/// For each caption one that says something else: itself with left and right exchanged where it names a side, else the next one that reads
/// differently, which may by chance mean the same. `None` where all are alike.
pub fn others(captions: &[&str]) -> Vec<Option<String>> {
    let other = |(row, own): (usize, &&str)| {
        let mirrored = mirror_caption(own, CaptionRule::Words);
        if mirrored != *own {
            return Some(mirrored);
        }
        let next = captions.iter().cycle().skip(row + 1).take(captions.len());
        next.copied().find(|next| next != own).map(str::to_owned)
    };
    captions.iter().enumerate().map(other).collect()
}

/// How well the rows of a pass tell captions apart.
pub struct Contrast {
    /// Mean over the rows that have a caption of ln(1 + e^(s·(margin − Δ)))/s, Δ = cross entropy under the other caption less that under
    /// its own, nats; 0 without such rows.
    pub loss: f64,
    /// Rows whose own caption is the likelier one, and rows with both captions.
    pub told_apart: [usize; 2],
    /// d loss / d logits under the own caption.
    pub own: Vec<f32>,
    /// The same under the other caption.
    pub other: Vec<f32>,
}

/// Logits of `labels.len() / width` rows, (positions, `codes`) row-major, under both captions; `without` rows were not told both.
pub fn contrast(
    [own, other]: [&[f32]; 2],
    codes: usize,
    labels: &[Option<u32>],
    width: usize,
    without: &[bool],
) -> Contrast {
    let rows = |logits: &[f32]| -> Vec<CrossEntropy> {
        let each = logits.par_chunks(width * codes).zip(labels.par_chunks(width));
        each.map(|(logits, labels)| cross_entropy(logits, codes, labels)).collect()
    };
    let (own, other) = (rows(own), rows(other));
    let counts: Vec<bool> =
        own.iter().zip(without).map(|(own, without)| !without && own.labels > 0).collect();
    let all = counts.iter().filter(|counts| **counts).count();
    let counted = all.max(1) as f64;
    let mut sum = Contrast { loss: 0.0, told_apart: [0, all], own: Vec::new(), other: Vec::new() };
    for (row, (own, other)) in own.into_iter().zip(other).enumerate() {
        let ahead = other.loss - own.loss;
        let short = SHARPNESS * (MARGIN - ahead);
        // d loss / d Δ is −slope: Δ falls with the own cross entropy and rises with the other.
        let slope = if counts[row] { 1.0 / (1.0 + (-short).exp()) / counted } else { 0.0 };
        if counts[row] {
            sum.loss += (short.max(0.0) + (-short.abs()).exp().ln_1p()) / SHARPNESS / counted;
            sum.told_apart[0] += usize::from(ahead > 0.0);
        }
        sum.own.extend(own.gradient.iter().map(|g| g * slope as f32));
        sum.other.extend(other.gradient.iter().map(|g| g * -slope as f32));
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_caption_is_the_mirrored_one_or_that_of_the_next_row() {
        let said = |captions: &[&str]| -> Vec<Option<String>> { others(captions) };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            said(&["they bow", "she waves the left hand", "they sit", "they sit"]),
            [
                some("she waves the left hand"),
                some("she waves the right hand"),
                some("they bow"),
                some("they bow")
            ]
        );
        assert_eq!(said(&["they bow", "they bow"]), [None, None]);
        assert_eq!(said(&["they bow"]), [None]);
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        let own = [0.3f32, -1.0, 2.0, 0.1, 0.2, 0.3, 1.0, 1.5, -0.5, 0.4, 0.2, 0.1];
        let other = [0.1f32, 0.5, 1.5, 0.3, 0.0, 0.3, 1.1, 1.2, -0.2, 0.4, 0.9, 0.3];
        let labels = [Some(2), None, Some(0), Some(1)];
        let without = [false, false];
        let of = |own: &[f32], other: &[f32]| contrast([own, other], 3, &labels, 2, &without);
        let found = of(&own, &other);
        let slope = |up: f64, down: f64| (up - down) / 2e-2;
        for k in 0..12 {
            let (mut up, mut down) = (own, own);
            (up[k], down[k]) = (up[k] + 1e-2, down[k] - 1e-2);
            let by_own = slope(of(&up, &other).loss, of(&down, &other).loss);
            assert!((by_own - f64::from(found.own[k])).abs() < 1e-3, "{k}: {by_own} {}", found.own[k]);
            let (mut up, mut down) = (other, other);
            (up[k], down[k]) = (up[k] + 1e-2, down[k] - 1e-2);
            let by_other = slope(of(&own, &up).loss, of(&own, &down).loss);
            assert!(
                (by_other - f64::from(found.other[k])).abs() < 1e-3,
                "{k}: {by_other} {}",
                found.other[k]
            );
        }
    }

    #[test]
    fn rows_without_a_caption_say_nothing() {
        let logits = [0.3f32, -1.0, 2.0, 0.1];
        let found = contrast([&logits, &logits], 2, &[Some(0), Some(1)], 1, &[true, false]);
        assert!(found.own[..2].iter().all(|g| *g == 0.0) && found.own[2..].iter().all(|g| *g != 0.0));
        assert_eq!(found.told_apart, [0, 1], "the same is no likelier");
        let none = contrast([&logits, &logits], 2, &[Some(0), None], 1, &[true, false]);
        assert!(none.loss == 0.0 && none.own.iter().chain(&none.other).all(|g| *g == 0.0));
    }
}
