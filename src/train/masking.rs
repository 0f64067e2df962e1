//! What the transformer is asked to guess (InterMask spec §4.5): pure functions of token ids and explicit random draws.
//!
//! A row holds 10·L ids: person 1's five body parts of L token frames each, then person 2's.

use crate::rng::CounterRng;

/// Share of masked positions that get a random code instead.
pub const REPLACE: f32 = 0.1;
/// Of the rest, the share that gets the mask id; the others keep the true code.
pub const MASK: f32 = 0.88;
/// Steps that the unrolled second pass pretends generation has.
const UNROLL_STEPS: f64 = 20.0;

/// All random numbers of one training step, so that a step can be replayed.
#[derive(Clone, Debug, PartialEq)]
pub struct Draws {
    /// In \[0, 1): the batch gets the interaction mask when this is below its probability.
    pub interaction: f32,
    /// In \[0, 1): below ½ the first half of the batch has person 2 masked, otherwise person 1.
    pub person: f32,
    /// In \[0, 1), one a row: how far a generation has come; decides how much is masked.
    pub time: Vec<f32>,
    /// In \[0, 1), (rows, 10·L): positions whose argsort value is small are masked.
    pub order: Vec<f32>,
    /// (rows, 10·L): put a random code there if masked.
    pub replace: Vec<bool>,
    /// (rows, 10·L): that code.
    pub random_ids: Vec<u32>,
    /// (rows, 10·L): put the mask id there if masked and not replaced.
    pub mask: Vec<bool>,
    /// One a row for each of the two passes: drop the text, sentence and words alike.
    pub drop_text: [Vec<bool>; 2],
}

impl Draws {
    /// Draws for one step; everything follows from `rng`.
    pub fn new(rng: &CounterRng, rows: usize, width: usize, codes: usize, drop_text: f32) -> Self {
        let uniform = |what: &str, n: usize| -> Vec<f32> {
            let rng = rng.fork(what);
            (0..n).map(|i| rng.uniform_at(i as u64)).collect()
        };
        let below = |what: &str, n: usize, p: f32| -> Vec<bool> {
            uniform(what, n).into_iter().map(|u| u < p).collect()
        };
        let all = rows * width;
        let code = |u: f32| ((u * codes as f32) as u32).min(codes as u32 - 1);
        Self {
            interaction: uniform("interaction", 1)[0],
            person: uniform("person", 1)[0],
            time: uniform("time", rows),
            order: uniform("order", all),
            replace: below("replace", all, REPLACE),
            random_ids: uniform("random ids", all).into_iter().map(code).collect(),
            mask: below("mask", all, MASK),
            drop_text: [below("drop text 1", rows, drop_text), below("drop text 2", rows, drop_text)],
        }
    }
}

/// Input and target of one forward pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Guess {
    /// (rows, 10·L) ids to feed.
    pub input: Vec<u32>,
    /// (rows, 10·L): the true code where a guess is wanted.
    pub labels: Vec<Option<u32>>,
}

/// Ids with a special meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpecialIds {
    /// Stands for a code to be guessed.
    pub mask: u32,
    /// Stands beyond the end of a clip.
    pub pad: u32,
}

impl SpecialIds {
    /// K and K+1 for a codebook of K.
    pub fn of(codes: usize) -> Self {
        Self { mask: codes as u32, pad: codes as u32 + 1 }
    }
}

/// (rows, 10·L): whether a position lies inside its clip; `lengths` in token frames.
pub fn valid(lengths: &[usize], width: usize) -> Vec<bool> {
    let frames = width / 10;
    lengths.iter().flat_map(|length| (0..width).map(move |i| i % frames < *length)).collect()
}

/// How many of `width` positions to mask at `time` in \[0, 1): round(width·cos(π·time/2)), at least 1, in f32 as upstream.
fn masked_count(width: usize, time: f32) -> usize {
    let share = (time * std::f32::consts::PI * 0.5).cos();
    ((width as f32 * share).round_ties_even() as usize).max(1)
}

/// For each entry, the index of the value that sorting ascending puts there.
fn argsort(values: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    order
}

/// First pass: choose positions, hide them the way BERT does.
///
/// `ids` (rows, 10·L); whatever lies beyond a clip's end becomes the pad id.
pub fn first_pass(
    ids: &[u32],
    lengths: &[usize],
    width: usize,
    interaction_probability: f32,
    special: SpecialIds,
    draws: &Draws,
) -> Guess {
    let rows = lengths.len();
    let chosen = if draws.interaction < interaction_probability {
        interaction_mask(rows, width, draws.person)
    } else {
        random_mask(width, &draws.time, &draws.order)
    };
    let inside = valid(lengths, width);
    let mut input: Vec<u32> =
        ids.iter().zip(&inside).map(|(id, inside)| if *inside { *id } else { special.pad }).collect();
    let mut labels = vec![None; ids.len()];
    for i in (0..ids.len()).filter(|i| chosen[*i] && inside[*i]) {
        labels[i] = Some(ids[i]);
        if draws.replace[i] {
            input[i] = draws.random_ids[i];
        } else if draws.mask[i] {
            input[i] = special.mask;
        }
    }
    Guess { input, labels }
}

/// One person wholly hidden: in the first half of the batch one, in the second half the other.
fn interaction_mask(rows: usize, width: usize, person: f32) -> Vec<bool> {
    let second_in_first_half = person < 0.5;
    (0..rows * width)
        .map(|i| {
            let (row, second) = (i / width, i % width >= width / 2);
            second == (second_in_first_half == (row < rows / 2))
        })
        .collect()
}

/// Upstream compares the argsort itself, not its inverse, with the number to mask; the distribution is the same.
fn random_mask(width: usize, time: &[f32], order: &[f32]) -> Vec<bool> {
    time.iter()
        .zip(order.chunks(width))
        .flat_map(|(time, order)| {
            let count = masked_count(width, *time);
            argsort(order).into_iter().map(move |rank| rank < count)
        })
        .collect()
}

/// Most probable code at a position and its probability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// The code.
    pub code: u32,
    /// Its softmax probability.
    pub probability: f32,
}

/// Second pass ("step unroll"): of the positions that were hidden by the mask id, the less sure stay hidden and the
/// others show what the first pass predicted and are not asked for again. Labels where the first pass showed a random or
/// the true code stay.
///
/// `predictions` (rows, 10·L); only those at mask ids are read.
pub fn second_pass(first: &Guess, predictions: &[Prediction], width: usize, special: SpecialIds) -> Guess {
    let mut guess = first.clone();
    for row in 0..first.input.len() / width {
        let at = row * width;
        let hidden: Vec<bool> = first.input[at..at + width].iter().map(|id| *id == special.mask).collect();
        let still = still_masked(&hidden, &predictions[at..at + width]);
        for i in (0..width).filter(|i| hidden[*i] && !still[*i]) {
            guess.input[at + i] = predictions[at + i].code;
            guess.labels[at + i] = None;
        }
    }
    guess
}

/// The share p of hidden positions tells the time t = acos(p)·2/π; one step of 21 later fewer are hidden.
fn still_masked(hidden: &[bool], predictions: &[Prediction]) -> Vec<bool> {
    let width = hidden.len();
    let share = hidden.iter().filter(|h| **h).count() as f32 / width as f32;
    let time = share.acos() * 2.0 / std::f32::consts::PI + (1.0 / (UNROLL_STEPS + 1.0)) as f32;
    let count = masked_count(width, time.min(1.0));
    let scores: Vec<f32> =
        hidden.iter().zip(predictions).map(|(h, p)| if *h { p.probability } else { 1e5 }).collect();
    let mut still = vec![false; width];
    for position in argsort(&scores).into_iter().take(count) {
        still[position] = hidden[position];
    }
    still
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPECIAL: SpecialIds = SpecialIds { mask: 64, pad: 65 };

    fn draws(rows: usize, width: usize) -> Draws {
        Draws::new(&CounterRng::new(3, "masking"), rows, width, 64, 0.1)
    }

    #[test]
    fn nothing_beyond_the_end_is_asked_for() {
        let (rows, width) = (4, 40);
        let ids: Vec<u32> =
            valid(&[4, 3, 2, 1], width).iter().map(|v| if *v { 7 } else { SPECIAL.pad }).collect();
        let guess = first_pass(&ids, &[4, 3, 2, 1], width, 0.0, SPECIAL, &draws(rows, width));
        for (i, label) in guess.labels.iter().enumerate() {
            assert!(label.is_none() || ids[i] == 7);
            assert!(label.is_some() || guess.input[i] == ids[i]);
        }
        assert!(guess.labels.iter().any(Option::is_some));
    }

    #[test]
    fn interaction_mask_hides_one_person_of_each_row() {
        let width = 20;
        let guess = first_pass(
            &vec![1; 2 * width],
            &[2, 2],
            width,
            1.0,
            SPECIAL,
            &Draws { person: 0.1, ..draws(2, width) },
        );
        let asked: Vec<bool> = guess.labels.iter().map(Option::is_some).collect();
        assert!(
            asked[..10].iter().all(|a| !a)
                && asked[10..30].iter().all(|a| *a)
                && asked[30..].iter().all(|a| !a)
        );
    }

    #[test]
    fn second_pass_asks_for_fewer_and_shows_predictions() {
        let width = 2000;
        let first = Guess { input: vec![SPECIAL.mask; width], labels: vec![Some(5); width] };
        let predictions: Vec<Prediction> =
            (0..width).map(|i| Prediction { code: 9, probability: i as f32 / width as f32 }).collect();
        let second = second_pass(&first, &predictions, width, SPECIAL);
        let asked = second.labels.iter().flatten().count();
        assert!(asked < width && asked > width / 2);
        assert!(second.labels[..asked].iter().all(Option::is_some), "the least sure stay hidden");
        assert!(second.input[asked..].iter().all(|id| *id == 9));
    }

    #[test]
    fn the_rounding_is_to_even() {
        // cos(0) = 1; 10·cos(π/3) = 5.000…; a half rounds to the even neighbour.
        assert_eq!(masked_count(10, 0.0), 10);
        assert_eq!(masked_count(10, 1.0), 1);
        assert_eq!((2.5f32).round_ties_even(), 2.0);
    }
}
