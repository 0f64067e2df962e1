//! Token maps with blanks: what a model is given to fill in.

use crate::generate::masked::Known;
use crate::models::config::Places;
use crate::models::vqvae::PARTS;
use crate::motion::BodyParts;

/// Token rows that hold each body part.
///
/// The encoder folds the 22 joints into five rows: in the skeleton's order, row r stands over joints 4r to 4r+3 and, with its
/// convolutions, over their neighbours. That order is from the pelvis outward: pelvis, hips, knees | ankles and spine |
/// toes, neck, left collar | right collar, head, shoulders | elbows and wrists. In [`Places::Body`] a row is a part: trunk and head |
/// left leg | right leg | left arm | right arm, the collars with the arms.
fn rows(parts: BodyParts, places: Places) -> [bool; PARTS] {
    let BodyParts { legs, torso, arms } = parts;
    match places {
        Places::Body => [torso, legs, legs, arms, arms],
        Places::World | Places::Pelvis => [legs || torso, legs || torso, legs || torso, torso || arms, arms],
    }
}

/// A place in the maps of a pair.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// 0 or 1.
    pub person: usize,
    /// Row, 0..5.
    pub part: usize,
    /// Token frame.
    pub time: usize,
}

/// Where position `position` of 10L is.
pub fn place(position: usize, length: usize) -> Place {
    let (row, time) = (position / length, position % length);
    Place { person: row / PARTS, part: row % PARTS, time }
}

/// Known tokens `ids` of `length` token frames, blank where `open` says so.
pub fn with_blanks(ids: &[u32], length: usize, open: impl Fn(Place) -> bool) -> Known {
    ids.iter().enumerate().map(|(p, &id)| (!open(place(p, length))).then_some(id)).collect()
}

/// Whether a place belongs to one of `parts`.
pub fn is_of(parts: BodyParts, places: Places, place: Place) -> bool {
    rows(parts, places)[place.part]
}

/// A canvas of `length` token frames, each column of which is the column `from(time)` of the maps `ids`, or blank.
pub fn rearranged(ids: &[u32], length: usize, from: impl Fn(usize) -> Option<usize>) -> Known {
    let old = ids.len() / (2 * PARTS);
    (0..2 * PARTS * length)
        .map(|p| from(p % length).and_then(|time| ids.get(p / length * old + time).copied()))
        .collect()
}

/// Blanks at the `share` least sure positions (at least one).
pub fn least_sure(ids: &[u32], confidence: &[f32], share: f64) -> Known {
    let count = ((share * ids.len() as f64).round() as usize).clamp(1, ids.len().max(1));
    let mut order: Vec<usize> = (0..ids.len()).collect();
    order.sort_by(|&a, &b| confidence[a].total_cmp(&confidence[b]));
    let mut known: Known = ids.iter().map(|&id| Some(id)).collect();
    for &position in order.iter().take(count) {
        known[position] = None;
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_are_where_they_are_asked_for() {
        let ids: Vec<u32> = (0..60).collect();
        let arms = BodyParts::named(["arms"]).unwrap();
        for places in [Places::World, Places::Body] {
            let open = |p: Place| p.person == 1 && (2..4).contains(&p.time) && is_of(arms, places, p);
            let known = with_blanks(&ids, 6, open);
            let blank: Vec<usize> = (0..60).filter(|&p| known[p].is_none()).collect();
            assert_eq!(blank, [50, 51, 56, 57], "rows 3 and 4 of person 2, columns 2 and 3");
            let all = with_blanks(&ids, 6, |p| is_of(BodyParts::ALL, places, p));
            assert!(all.iter().all(Option::is_none));
        }
    }

    #[test]
    fn in_places_of_the_body_a_row_is_one_part() {
        let of = |name: &str| rows(BodyParts::named([name]).unwrap(), Places::Body);
        assert_eq!(of("torso"), [true, false, false, false, false]);
        assert_eq!(of("legs"), [false, true, true, false, false]);
        assert_eq!(of("arms"), [false, false, false, true, true]);
    }

    #[test]
    fn columns_move_with_their_rows() {
        let ids: Vec<u32> = (0..40).collect(); // 4 token frames
        let known = rearranged(&ids, 6, |t| [Some(0), None, None, None, Some(2), Some(3)][t]);
        assert_eq!(known[..6], [Some(0), None, None, None, Some(2), Some(3)]);
        assert_eq!(known[54..], [Some(36), None, None, None, Some(38), Some(39)]);
    }

    #[test]
    fn the_least_sure_go_first() {
        let ids: Vec<u32> = (0..10).collect();
        let confidence: Vec<f32> = (0..10).map(|i| ((i * 7) % 10) as f32).collect();
        let known = least_sure(&ids, &confidence, 0.3);
        let blank: Vec<usize> = (0..10).filter(|&p| known[p].is_none()).collect();
        assert_eq!(blank, [0, 3, 6]);
        assert_eq!(least_sure(&ids, &confidence, 0.001).iter().filter(|id| id.is_none()).count(), 1);
        assert!(least_sure(&ids, &confidence, 1.0).iter().all(Option::is_none));
    }
}
