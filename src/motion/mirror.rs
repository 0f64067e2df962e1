//! The same scene in a mirror: motions and the captions that go with them (InterMask spec §1.4).

use super::skeleton::MIRRORED;
use super::{JOINTS, RawPerson};

/// The mirrored person: x becomes −x and left joints change places with right ones, on the raw z-up array.
///
/// Rotations negate entries 1, 2 and 4 of every 6D, which is the exact mirror for the order InterHuman's files use
/// ([`super::rotation::SixD::Interleaved`]).
#[must_use]
pub fn mirror(raw: &RawPerson) -> RawPerson {
    let positions = raw
        .positions
        .iter()
        .map(|pose| {
            std::array::from_fn(|j| {
                let [x, y, z] = pose[MIRRORED[j]];
                [-x, y, z]
            })
        })
        .collect();
    let rotations = raw
        .rotations
        .iter()
        .map(|rotations| {
            let mut out = [[0.0; 6]; JOINTS - 1];
            for (j, six) in out.iter_mut().enumerate() {
                // Entry j belongs to joint j + 1.
                let [a, b, c, d, e, f] = rotations[MIRRORED[j + 1] - 1];
                *six = [a, -b, -c, d, -e, f];
            }
            out
        })
        .collect();
    RawPerson { positions, rotations }
}

/// How a caption follows its motion into the mirror.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CaptionRule {
    /// Left and right change places as words (case kept; "leftmost" and "left-handed" too, "upright" and "bright" not), and
    /// clockwise changes places with counterclockwise (counter-clockwise, anticlockwise).
    #[default]
    Words,
    /// What the published code does: "left" and "right" change places anywhere in the text, lower case only, and
    /// clockwise breaks ("clockwise" → "counterclockwise", "counterclockwise" → "countercounterclockwise").
    Upstream,
}

/// The caption of the mirrored motion.
pub fn mirror_caption(text: &str, rule: CaptionRule) -> String {
    match rule {
        CaptionRule::Words => mirror_words(text),
        // Upstream goes through a temporary word; a text that holds that word itself is not worth keeping faith with.
        CaptionRule::Upstream => exchange(text, "left", "right").replace("clockwise", "counterclockwise"),
    }
}

/// Every `a` becomes `b` and every `b` becomes `a`.
fn exchange(text: &str, a: &str, b: &str) -> String {
    text.split(a).map(|part| part.replace(b, a)).collect::<Vec<_>>().join(b)
}

/// Endings with which "left" and "right" still name a side.
const ENDINGS: [&str; 9] = ["", "s", "most", "ward", "wards", "hand", "handed", "side", "footed"];

fn mirror_words(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while !rest.is_empty() {
        let word_end = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
        let (word, after) = rest.split_at(word_end);
        rest = after;
        let lower = word.to_ascii_lowercase();
        match lower.as_str() {
            "clockwise" => match strip_counter(&out) {
                Some(kept) => {
                    let counter_was_capital = out[kept..].starts_with(|c: char| c.is_uppercase());
                    out.truncate(kept);
                    push_like(&mut out, "clockwise", word, counter_was_capital);
                }
                None => push_like(&mut out, "counterclockwise", word, false),
            },
            "counterclockwise" | "anticlockwise" => push_like(&mut out, "clockwise", word, false),
            _ => match other_side(&lower) {
                Some((side, ending)) => {
                    push_like(&mut out, side, &word[..word.len() - ending], false);
                    out.push_str(&word[word.len() - ending..]);
                }
                None => out.push_str(word),
            },
        }
        let gap_end = rest.find(char::is_alphanumeric).unwrap_or(rest.len());
        out.push_str(&rest[..gap_end]);
        rest = &rest[gap_end..];
    }
    out
}

/// For a lower-case word that names a side: the other side and the length of the ending.
fn other_side(word: &str) -> Option<(&'static str, usize)> {
    [("left", "right"), ("right", "left")].into_iter().find_map(|(side, other)| {
        let ending = word.strip_prefix(side)?;
        ENDINGS.contains(&ending).then_some((other, ending.len()))
    })
}

/// Where a trailing "counter-", "counter ", "anti-" or "anti " starts.
fn strip_counter(text: &str) -> Option<usize> {
    let body = text.strip_suffix(['-', ' '])?;
    let start = body.rfind(|c: char| !c.is_alphanumeric()).map_or(0, |i| {
        // `rfind` gives the start of that character, which may be longer than one byte.
        i + body[i..].chars().next().map_or(0, char::len_utf8)
    });
    let word = body[start..].to_ascii_lowercase();
    (word == "counter" || word == "anti").then_some(start)
}

/// Append `word` in the case of `like`: all capitals, first capital, or lower.
fn push_like(out: &mut String, word: &str, like: &str, first_capital: bool) {
    if like.len() > 1 && like.chars().all(char::is_uppercase) {
        out.push_str(&word.to_ascii_uppercase());
    } else if first_capital || like.starts_with(char::is_uppercase) {
        out.push_str(&word[..1].to_ascii_uppercase());
        out.push_str(&word[1..]);
    } else {
        out.push_str(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::kinematics::{self, tests::walk};
    use crate::motion::rotation::{Quat, SixD};
    use crate::motion::vector::{Vec3d, norm, sub, widen};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn twice_in_the_mirror_is_the_same(numbers in prop::collection::vec(-2.0f32..2.0, 2 * 192)) {
            let raw = RawPerson::from_rows(&numbers).unwrap();
            prop_assert_ne!(&mirror(&raw), &raw);
            prop_assert_eq!(mirror(&mirror(&raw)), raw);
        }

        #[test]
        fn any_text_survives(text in "\\PC{0,60}") {
            mirror_caption(&text, CaptionRule::Words);
            mirror_caption(&text, CaptionRule::Upstream);
        }

        #[test]
        fn side_words_swap_back(words in prop::collection::vec(
            prop::sample::select(vec!["left", "Right", "a", "LEFT", "clockwise", "counterclockwise", "foot,", "upright", "é"]), 0..9)
        ) {
            let text = words.join(" ");
            let there = mirror_caption(&text, CaptionRule::Words);
            prop_assert_eq!(mirror_caption(&there, CaptionRule::Words), text);
        }
    }

    #[test]
    fn rotations_in_the_mirror_move_the_bones_that_positions_show() {
        // Solve the rotations of a walk, mirror both, and let the mirrored rotations drive the mirrored bones.
        let person = walk(8);
        let solved = kinematics::solve(&person.positions).unwrap();
        let with_rotations =
            crate::motion::Person { positions: person.positions.clone(), rotations: solved.rotations() };
        let mirrored = mirror(&RawPerson::from_y_up(&with_rotations)).to_y_up();
        let reflect = |[x, y, z]: Vec3d| [-x, y, z];
        let bones: [Vec3d; JOINTS] = std::array::from_fn(|j| reflect(solved.bones[MIRRORED[j]]));
        for t in 0..8 {
            let local = mirrored.rotations[t]
                .map(|six| Quat::from_matrix(&SixD::Interleaved.decode(six).expect("a rotation")));
            let root = solved.root_rotations[t];
            // The mirror image of a rotation about axis a is about the reflected a, the other way round.
            let root = Quat { w: root.w, v: [root.v[0], -root.v[1], -root.v[2]] };
            let pose = kinematics::forward(&bones, widen(mirrored.positions[t][0]), root, &local);
            for (j, (reached, &shown)) in pose.iter().zip(&mirrored.positions[t]).enumerate() {
                assert!(norm(sub(*reached, widen(shown))) < 1e-4, "frame {t} joint {j}");
            }
        }
    }

    #[test]
    fn captions_follow() {
        let cases = [
            ("the first person moves left, clockwise.", "the first person moves right, counterclockwise."),
            ("both turn counterclockwise to the right", "both turn clockwise to the left"),
            ("Left hand LEFT rightmost", "Right hand RIGHT leftmost"),
            ("turns counter-clockwise", "turns clockwise"),
            ("Counter-clockwise and anti clockwise", "Clockwise and clockwise"),
            (
                "left-handed, upright, bright lights, Anticlockwise",
                "right-handed, upright, bright lights, Clockwise",
            ),
            ("", ""),
        ];
        for (text, mirrored) in cases {
            assert_eq!(mirror_caption(text, CaptionRule::Words), mirrored);
        }
    }

    #[test]
    fn upstream_captions_keep_their_fault() {
        let upstream = |text| mirror_caption(text, CaptionRule::Upstream);
        assert_eq!(
            upstream("turn counterclockwise to the right"),
            "turn countercounterclockwise to the left"
        );
        assert_eq!(upstream("upright LEFT left clockwise"), "upleft LEFT right counterclockwise");
    }
}
