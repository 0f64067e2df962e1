//! How far a joint is moved in each frame, as a sum of squares says: little, softly, and to what end.

/// The weight of what is known: to about a hundredth of a millimetre.
pub(super) const KNOWN: f64 = 1e7;

/// What the moves of one joint are to be like: for each frame or step, what its square weighs. That of how far the joint is moved
/// weighs 1 in every frame.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Wishes {
    /// For each frame, of the difference from how far it is known to be moved there.
    pub known: Vec<f64>,
    /// For each step to the next frame, of how far the moved joint goes in it: it is to stand.
    pub still: Vec<f64>,
    /// Of how much the move changes from step to step: it is to begin and end softly.
    pub soft: f64,
    /// For each frame, of how much the velocity of the moved joint changes there: it is not to jerk.
    pub calm: Vec<f64>,
}

/// The normal equations: symmetric, positive definite, two bands below the diagonal, factored as L D Lᵀ.
pub(super) struct Moves {
    wishes: Wishes,
    diagonal: Vec<f64>,
    below: [Vec<f64>; 2],
}

/// Change of a step at a frame, by the frames before it, of it and after it.
const BEND: [f64; 3] = [1.0, -2.0, 1.0];

impl Moves {
    /// For `frames` frames. Wishes that are shorter than that end there.
    pub fn new(frames: usize, wishes: Wishes) -> Self {
        let mut diagonal = vec![1.0; frames];
        let mut below = [vec![0.0; frames], vec![0.0; frames]];
        diagonal.iter_mut().zip(&wishes.known).for_each(|(d, weight)| *d += weight);
        for (t, weight) in wishes.still.iter().enumerate().take(frames.saturating_sub(1)) {
            diagonal[t] += weight;
            diagonal[t + 1] += weight;
            below[0][t] -= weight;
        }
        for t in 0..frames.saturating_sub(2) {
            let weight = wishes.soft + wishes.calm.get(t + 1).copied().unwrap_or(0.0);
            for (a, of_a) in BEND.iter().enumerate() {
                diagonal[t + a] += weight * of_a * of_a;
                for (b, of_b) in BEND.iter().enumerate().skip(a + 1) {
                    below[b - a - 1][t + a] += weight * of_a * of_b;
                }
            }
        }
        let mut this = Self { wishes, diagonal, below };
        this.factor();
        this
    }

    /// `below[k][t]` becomes the entry of L in row t + k + 1 and column t, `diagonal` becomes D.
    fn factor(&mut self) {
        let frames = self.diagonal.len();
        for t in 0..frames {
            let (pivot, one, two) = (self.diagonal[t], self.below[0][t], self.below[1][t]);
            self.below[0][t] = one / pivot;
            self.below[1][t] = two / pivot;
            if t + 1 < frames {
                self.diagonal[t + 1] -= one * one / pivot;
                self.below[0][t + 1] -= one * two / pivot;
            }
            if t + 2 < frames {
                self.diagonal[t + 2] -= two * two / pivot;
            }
        }
    }

    /// How far the joint is to be moved in each frame along one axis, on which its `path` lies; `known` where that is known.
    pub fn along(&self, path: &[f64], known: impl Fn(usize) -> f64) -> Vec<f64> {
        let frames = self.diagonal.len();
        let mut x = vec![0.0; frames];
        for (t, weight) in self.wishes.known.iter().enumerate().take(frames) {
            x[t] += weight * known(t);
        }
        for (t, weight) in self.wishes.still.iter().enumerate().take(frames.saturating_sub(1)) {
            let pull = weight * (path[t + 1] - path[t]);
            x[t] += pull;
            x[t + 1] -= pull;
        }
        for t in 0..frames.saturating_sub(2) {
            let weight = self.wishes.calm.get(t + 1).copied().unwrap_or(0.0);
            let bend: f64 = BEND.iter().zip(&path[t..]).map(|(of, at)| of * at).sum();
            BEND.iter().enumerate().for_each(|(k, of)| x[t + k] -= weight * of * bend);
        }
        let [one, two] = &self.below;
        for t in 0..frames {
            let now = x[t];
            if t + 1 < frames {
                x[t + 1] -= one[t] * now;
            }
            if t + 2 < frames {
                x[t + 2] -= two[t] * now;
            }
        }
        for t in (0..frames).rev() {
            x[t] /= self.diagonal[t];
            if t + 1 < frames {
                x[t] -= one[t] * x[t + 1];
            }
            if t + 2 < frames {
                x[t] -= two[t] * x[t + 2];
            }
        }
        x
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The sum of squares that [`Moves::along`] makes least, with everything known to be 0.1.
    fn cost(wishes: &Wishes, path: &[f64], x: &[f64]) -> f64 {
        let moved: Vec<f64> = path.iter().zip(x).map(|(path, by)| path + by).collect();
        let bends = |of: &[f64]| -> Vec<f64> { of.windows(3).map(|w| w[0] - 2.0 * w[1] + w[2]).collect() };
        let square = |v: f64| v * v;
        x.iter().zip(&wishes.known).map(|(x, known)| square(*x) + known * square(x - 0.1)).sum::<f64>()
            + moved.windows(2).zip(&wishes.still).map(|(two, w)| w * square(two[1] - two[0])).sum::<f64>()
            + bends(x).iter().map(|bend| wishes.soft * square(*bend)).sum::<f64>()
            + bends(&moved).iter().zip(&wishes.calm[1..]).map(|(bend, w)| w * square(*bend)).sum::<f64>()
    }

    proptest! {
        #[test]
        fn no_other_moves_cost_less(
            path in prop::collection::vec(-1.0f64..1.0, 1..30), weights in prop::collection::vec(0.0f64..50.0, 90),
            soft in 0.0f64..300.0, at in 0usize..30, by in -0.2f64..0.2,
        ) {
            let n = path.len();
            let take = |from: usize| weights[from..from + n].to_vec();
            let wishes = Wishes { known: take(0), still: take(30), soft, calm: take(60) };
            let x = Moves::new(n, wishes.clone()).along(&path, |_| 0.1);
            let mut other = x.clone();
            other[at % n] += by;
            prop_assert!(cost(&wishes, &path, &x) <= cost(&wishes, &path, &other) + 1e-9);
        }
    }
}
