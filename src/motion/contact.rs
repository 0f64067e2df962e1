//! When a foot stands on the floor (InterMask spec §1.2, rule 5).

use super::Pose;

/// The joints that can touch the floor, in the order of the contact numbers: left ankle, left toe, right ankle, right toe.
pub const FEET: [usize; 4] = [7, 10, 8, 11];

/// One flag for each of [`FEET`].
pub type Contacts = [bool; 4];

/// A foot joint is in contact while it is slow and low.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ContactRule {
    /// Squared step to the next frame must be below this, m².
    pub step_squared: f64,
    /// Ankles must be below this height, metres.
    pub ankle_height: f64,
    /// Toes must be below this height, metres.
    pub toe_height: f64,
}

impl Default for ContactRule {
    /// InterHuman's thresholds: a step below √0.001 m ≈ 3.2 cm, ankles below 12 cm, toes below 5 cm.
    fn default() -> Self {
        Self { step_squared: 0.001, ankle_height: 0.12, toe_height: 0.05 }
    }
}

/// Contacts of frames 0..T−1 (the last frame has no next one to step to), from T poses with the floor at y = 0, metres.
pub fn detect(positions: &[Pose], rule: &ContactRule) -> Vec<Contacts> {
    let heights = [rule.ankle_height, rule.toe_height, rule.ankle_height, rule.toe_height];
    positions
        .windows(2)
        .map(|pair| {
            std::array::from_fn(|k| {
                let (now, next) = (pair[0][FEET[k]], pair[1][FEET[k]]);
                // Squares summed in f32, compared in f64: upstream's types, so that borderline frames agree.
                let step: f32 = (0..3).map(|c| (next[c] - now[c]).powi(2)).sum();
                f64::from(step) < rule.step_squared && f64::from(now[1]) < heights[k]
            })
        })
        .collect()
}

/// As [`detect`], with the last row repeated so that there is one for each of the T frames. A single frame has no contact.
pub fn detect_all(positions: &[Pose], rule: &ContactRule) -> Vec<Contacts> {
    let mut contacts = detect(positions, rule);
    if !positions.is_empty() {
        contacts.push(contacts.last().copied().unwrap_or_default());
    }
    contacts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::JOINTS;

    #[test]
    fn slow_and_low_is_contact() {
        let mut a = [[0.0, 1.0, 0.0]; JOINTS];
        a[7] = [0.0, 0.11, 0.0]; // low ankle, still
        a[10] = [0.0, 0.06, 0.0]; // toe too high
        a[8] = [0.0, 0.11, 0.0]; // low ankle, fast
        a[11] = [0.0, 0.04, 0.0]; // low toe, still enough
        let mut b = a;
        b[8][0] += 0.04;
        b[11][2] += 0.03;
        let rule = ContactRule::default();
        assert_eq!(detect(&[a, b], &rule), vec![[true, false, false, true]]);
        assert_eq!(detect_all(&[a, b], &rule), vec![[true, false, false, true]; 2]);
        assert_eq!(detect_all(&[a], &rule), vec![[false; 4]]);
        assert!(detect_all(&[], &rule).is_empty());
    }
}
