//! Families of one kind of captured activity each, so that every one of them has a share of its own: one does it and the other
//! watches, both do it, or the other does something else.

use super::acting::{even, next_to, opposite, shown, waiting};
use super::templates::{ABREAST, DIFFERENT, FACING, UNISON, WATCH};
use super::{Family, Staged};
use crate::data::compose::draws::Draws;
use crate::data::compose::manifest::Kind::{Act, Dance, Jump, Stand, Turn};
use crate::data::compose::stage::{Part, Stage};

pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "drinking",
        needs: &[Act, Stand],
        make: |s, d| topic(s, &["drink-left", "drink-right"], DRINK, d),
    },
    Family { name: "squats", needs: &[Act, Stand], make: |s, d| topic(s, &["squat", "squats"], SQUAT, d) },
    Family { name: "jumping-jacks", needs: &[Act, Stand], make: |s, d| topic(s, &["jacks"], JACKS, d) },
    Family {
        name: "jump",
        needs: &[Act, Stand],
        make: |s, d| topic(s, &["jump-up", "jump-arms-up"], JUMP, d),
    },
    Family {
        name: "stretching",
        needs: &[Act, Stand],
        make: |s, d| {
            topic(s, &["reach-both", "windmill", "twists", "touch-left-foot", "touch-right-foot"], STRETCH, d)
        },
    },
    Family { name: "traffic", needs: &[Act, Stand], make: |s, d| topic(s, &["direct"], TRAFFIC, d) },
    Family { name: "waving-arms", needs: &[Act, Stand], make: |s, d| topic(s, &["wave-both"], WAVE, d) },
    Family {
        name: "raising",
        needs: &[Act, Stand],
        make: |s, d| topic(s, &["reach-right", "reach-left", "raise-arms-side"], &[], d),
    },
    Family {
        name: "turning",
        needs: &[Turn, Stand],
        make: |s, d| topic(s, &["turn-left", "turn-right"], TURN, d),
    },
    Family {
        name: "dancing",
        needs: &[Dance, Stand],
        make: |s, d| topic(s, &["ballet", "spin-left", "spin-right", "leap", "arabesque-right"], DANCE, d),
    },
];

const DRINK: &[&str] =
    &["[drinking|drink|having a drink]", "{they} have a drink", "{they} drink to each other"];
const SQUAT: &[&str] = &["[squats|squat|doing squats|squatting]", "{they} exercise with squats"];
const JACKS: &[&str] =
    &["[jumping jacks|doing jumping jacks|star jumps]", "{they} work out with jumping jacks"];
const JUMP: &[&str] =
    &["[jump|jumping|jumping up and down|jump up and down]", "{they} jump up and down", "{they} hop"];
const STRETCH: &[&str] =
    &["[stretching|stretch|stretching exercises]", "{they} stretch", "{they} do stretching exercises"];
const TRAFFIC: &[&str] = &["[directing traffic|direct traffic|arm signals]", "{they} direct the traffic"];
const WAVE: &[&str] = &["[waving both arms|wave with both hands]", "{they} wave both arms at each other"];
const TURN: &[&str] = &["[turn around|turning around]", "{they} turn around"];
const DANCE: &[&str] = &["[dance|dancing|free dancing|a dance]", "{they} dance freely", "{they} are dancing"];

/// An activity among these, done by one or by both; `plural` are templates that are true where both do it.
fn topic(stage: &Stage<'_>, actions: &[&str], plural: &[&'static str], draws: &mut Draws) -> Option<Staged> {
    let doing = |draws: &mut Draws| -> Option<Part> {
        let piece = stage.pick_action(actions, draws)?;
        let lead = if draws.chance(0.2) { 4 + draws.below(12) } else { 0 };
        stage.act(&piece, lead, draws)
    };
    let mut first = doing(draws)?;
    let short = plural.iter().copied().filter(|text| text.starts_with('['));
    let wide = if actions.contains(&"ballet") { 0.5 } else { 0.0 };
    let gap = wide + draws.uniform(1.0, 2.2);
    let face = draws.chance(0.6);
    let put = |part: Part, draws: &mut Draws| {
        if face { opposite(part, gap, draws) } else { next_to(part, gap, draws) }
    };
    match draws.weighted(&[0.42, 0.28, 0.1, 0.2]) {
        0 => {
            let second = put(waiting(stage.stand(first.track.len(), draws)?), draws);
            let mut templates: Vec<&'static str> = if face { WATCH.to_vec() } else { BESIDE.to_vec() };
            templates.extend(short);
            Some(Staged { parts: [first, second], templates })
        }
        1 => {
            let late = draws.below(4);
            let track = (0..first.track.len()).map(|frame| first.track[frame.saturating_sub(late)]).collect();
            let second = put(Part { track, phrases: first.phrases.clone() }, draws);
            let mut templates = UNISON.to_vec();
            templates.extend(if face { FACING } else { ABREAST });
            templates.extend(plural);
            templates.extend(plural);
            Some(Staged { parts: [first, second], templates })
        }
        2 => {
            let mut second = doing(draws)?;
            even(stage, &mut first, &mut second, draws)?;
            let second = put(second, draws);
            let mut templates = DIFFERENT.to_vec();
            templates.extend(plural);
            Some(Staged { parts: [first, second], templates })
        }
        _ => {
            let mut second = shown(stage, &[Act, Act, Act, Dance, Jump], draws)?;
            if second.phrases[0] == first.phrases[0] {
                return None;
            }
            even(stage, &mut first, &mut second, draws)?;
            let second = put(second, draws);
            Some(Staged { parts: [first, second], templates: DIFFERENT.to_vec() })
        }
    }
}

const BESIDE: &[&str] = &[
    "{1} {as} next to {2}",
    "{1} {as} while {2} stands beside them",
    "{they} stand side by side and {1} {as}",
    "{1} {as} and {2} {bs}",
    "{1} is {aing}, {2} {bs}",
    "{1} {as}",
];
