//! From drawn parameters to two paths: how far apart people stand, how they come there, how they part.

use super::bases::Bases;
use super::chain::{self, Clause, Subject};
use super::path::{Path, Place, Stand};
use super::pose::Hand;
use super::score::{Part, Torso, View, perform, short_of};
use super::timing::Span;
use super::words::{COUNT, about, all_sided, facts};
use crate::data::compose::caption::{self, meaning};
use crate::data::compose::draws::Draws;
use crate::data::compose::scene::{Scene, Track};
use crate::data::compose::wordings;
use crate::motion::vector::{Vec3d, norm, sub};
use std::f64::consts::{PI, TAU};

/// How far a wrist stays from where palms, fists or held things meet, metres. Wrists stand for hands here; the hand
/// reaches about 9 cm beyond, so two wrists of a handshake are about 10 cm apart.
pub const PALM: f64 = 0.05;
/// Longest scene, frames.
const MOST: usize = 240;

/// What a gesture is called where it is one deed of several: base forms with marked verbs, `{1}` who acts, `{2}` the other.
#[derive(Clone, Copy, Debug, Default)]
pub struct Deed<'a> {
    /// Said of both.
    pub they: &'a [&'a str],
    /// Said of the one who acts.
    pub first: &'a [&'a str],
    /// Said of the other.
    pub second: &'a [&'a str],
}

/// Two people facing each other, 0 (who acts, as captions count people) looking along +z and 1 along −z, and what is drawn for
/// every gesture.
pub struct Stage<'a> {
    /// Draws of this scene.
    pub draws: &'a mut Draws,
    bases: &'a dyn Bases,
    paths: [Path; 2],
    /// The hand or leg of the act.
    pub side: Hand,
    /// How much slower than usual, about 0.8 to 1.3.
    pub slow: f64,
    /// How they came and how they went, where they did.
    came: Option<Clause>,
    left: Option<Clause>,
    /// They stand side by side, not opposite each other.
    pub abreast: bool,
    /// Who has walked off, and does not stand any more.
    gone: [bool; 2],
}

impl<'a> Stage<'a> {
    /// Both standing and looking at each other.
    pub fn facing(bases: &'a dyn Bases, draws: &'a mut Draws) -> Self {
        let stands = [Stand::new(&bases.standing(draws)), Stand::new(&bases.standing(draws))];
        let [first, second] = stands;
        let here = Place { x: 0.0, z: 0.0, turn: 0.0 };
        let paths = [Path::new(first, here), Path::new(second, Place { turn: PI, ..here })];
        let side = if draws.chance(0.5) { Hand::Left } else { Hand::Right };
        let slow = draws.uniform(0.85, 1.3);
        Self { draws, bases, paths, side, slow, came: None, left: None, abreast: false, gone: [false; 2] }
    }

    /// Put them so far apart, person 1 `aside` metres to the side; 0 at −z.
    pub fn apart(&mut self, distance: f64, aside: f64) {
        self.paths[0].place = Place { x: -0.5 * aside, z: -0.5 * distance, turn: 0.0 };
        self.paths[1].place = Place { x: 0.5 * aside, z: 0.5 * distance, turn: PI };
    }

    /// Put one of them at a place.
    pub fn put(&mut self, who: usize, place: Place) {
        self.paths[who].place = place;
    }

    /// The distance at which these hands meet at `height` over the mean pelvis when arms are stretched by `stretch` (1 is
    /// straight) and bodies lean `lean` radians.
    pub fn reach_distance(&self, hands: [Hand; 2], above: f64, stretch: f64, lean: f64) -> f64 {
        let mut sum = 0.0;
        for (path, hand) in self.paths.iter().zip(hands) {
            let shoulder = path.usual(hand.shoulder());
            let pelvis = path.usual(0);
            let [upper, lower] = self.arm(path, hand);
            let reach = stretch * (upper + lower) + PALM;
            let up = (shoulder[1] - pelvis[1]) * lean.cos() - above;
            let ahead = shoulder[2] + (shoulder[1] - pelvis[1]) * lean.sin() * 0.8;
            // Hands meet on the line between the two shoulders for the most part.
            let across = if hands[0] == hands[1] { shoulder[0] } else { 0.3 * shoulder[0] };
            sum += ahead + (reach * reach - up * up - across * across).max(0.02).sqrt();
        }
        sum
    }

    /// The distance at which the actor's hand, stretched by `stretch`, is as far as the other's chest, at a height over the pelvis.
    pub fn touch_distance(&self, hand: Hand, above: f64, stretch: f64) -> f64 {
        let path = &self.paths[0];
        let (shoulder, pelvis) = (path.usual(hand.shoulder()), path.usual(0));
        let [upper, lower] = self.arm(path, hand);
        let reach = stretch * (upper + lower);
        let up = shoulder[1] - pelvis[1] - above;
        shoulder[2] + (reach * reach - up * up).max(0.02).sqrt() + self.paths[1].usual(9)[2]
    }

    fn arm(&self, path: &Path, hand: Hand) -> [f64; 2] {
        let length = |a: usize, b: usize| norm(sub(path.usual(a), path.usual(b)));
        [length(hand.shoulder(), hand.elbow()), length(hand.elbow(), hand.wrist())]
    }

    /// Let one or both walk in, or nobody; then everybody stands. Gives the time from which on all stand.
    pub fn arrive(&mut self) -> f64 {
        let come = match self.draws.unit() {
            w if w < 0.4 => None,
            w if w < 0.76 => Some(Subject::They),
            w if w < 0.92 => Some(Subject::First),
            _ => Some(Subject::Second),
        };
        self.arrive_as(come)
    }

    /// Let these walk in; then everybody stands. Gives the time from which on all stand.
    pub fn arrive_as(&mut self, come: Option<Subject>) -> f64 {
        let seconds = self.draws.uniform(1.3, 2.2);
        for (who, alone) in [Subject::First, Subject::Second].into_iter().enumerate() {
            if come == Some(Subject::They) || come == Some(alone) {
                let walk = self.bases.walking(self.draws);
                self.paths[who].walk_in(&walk, seconds);
            }
        }
        self.came = come.map(|who| match who {
            Subject::They => Clause::new(who, chain::COME_BOTH),
            Subject::First => one(who, chain::COME_ONE, "{2}"),
            Subject::Second => one(who, chain::COME_ONE, "{1}"),
        });
        // Where nobody comes, the gesture does not let wait for itself.
        let pause = if come.is_some() { (0.05, 0.4) } else { (0.05, 0.35) };
        let settled = self.now() + self.draws.uniform(pause.0, pause.1);
        self.stay_until(settled);
        settled
    }

    /// Everybody who is still there stands until `time`; the scene ends where the first track does.
    pub fn stay_until(&mut self, time: f64) {
        for (path, _) in self.paths.iter_mut().zip(self.gone).filter(|(_, gone)| !gone) {
            path.stay_until(time);
        }
    }

    /// One of them steps (left, forward) by metres and turns, in `seconds`.
    pub fn step(&mut self, who: usize, [left, forward]: [f64; 2], turn: f64, seconds: f64) {
        let to = self.paths[who].place.moved(left, forward).turned(turn);
        let first = if turn > 0.05 || left > 0.05 { Hand::Left } else { Hand::Right };
        self.paths[who].step_to(to, seconds, first);
    }

    /// One of them walks off the way they face.
    pub fn walk_off(&mut self, who: usize, seconds: f64) {
        let walk = self.bases.walking(self.draws);
        self.paths[who].walk_off(&walk, seconds);
        self.gone[who] = true;
    }

    /// A walk.
    pub fn a_walk(&mut self) -> Track {
        self.bases.walking(self.draws)
    }

    /// One of them walks on for `seconds` without a start or a stop.
    pub fn walk_on(&mut self, who: usize, walk: &Track, seconds: f64) {
        self.paths[who].walk_on(walk, seconds);
        self.gone[who] = true;
    }

    /// Both walk off together in the same walk, in step.
    pub fn walk_off_together(&mut self, seconds: f64) {
        let walk = self.bases.walking(self.draws);
        self.paths.iter_mut().for_each(|path| path.walk_off(&walk, seconds));
        self.gone = [true; 2];
    }

    /// What comes after: they stay, step apart, or turn and leave.
    pub fn leave(&mut self) {
        let stays = if self.came.is_some() { 0.3 } else { 0.6 };
        if !self.draws.chance(stays) {
            let way = self.draws.weighted(&[0.42, 0.1, 0.08, 0.17, 0.1, 0.04, 0.09]);
            self.leave_as(way);
        }
        let end = self.now() + self.draws.uniform(0.2, 0.6);
        self.stay_until(end);
    }

    /// Step apart, or turn and leave.
    pub fn go(&mut self) {
        let way = self.draws.weighted(&[0.2, 0.15, 0.05, 0.15, 0.35, 0.1, 0.05]);
        self.leave_as(way);
    }

    /// Out of an embrace: both, or the one who came, step back; some then turn and go.
    pub fn let_go(&mut self, both: bool) {
        let back = self.draws.uniform(0.35, 0.6);
        let whose: &[usize] = if both { &[0, 1] } else { &[0] };
        whose.iter().for_each(|&who| self.step(who, [0.0, -back], 0.0, 1.1));
        if self.draws.chance(0.3) {
            let settled = self.now();
            self.stay_until(settled);
            let way = *self.draws.choice(&[3, 3, 4, 6]);
            self.leave_as(way);
        } else {
            self.left = Some(if both {
                Clause::new(Subject::They, &[chain::STEP_BOTH, chain::LET_GO].concat())
            } else {
                Clause::new(Subject::First, chain::STEP_ONE)
            });
        }
    }

    fn leave_as(&mut self, way: usize) {
        let whose: &[usize] = match way {
            1 | 4 => &[0],
            2 | 5 => &[1],
            _ => &[0, 1],
        };
        let subject = match whose {
            [0] => Subject::First,
            [_] => Subject::Second,
            _ => Subject::They,
        };
        let phrases = match way {
            0..3 => {
                let (back, seconds) = (self.draws.uniform(0.4, 0.75), self.draws.uniform(0.9, 1.3));
                whose.iter().for_each(|&who| self.step(who, [0.0, -back], 0.0, seconds));
                if way == 0 { chain::STEP_BOTH } else { chain::STEP_ONE }
            }
            3..6 => {
                let seconds = self.draws.uniform(1.35, 1.6);
                for &who in whose {
                    let turn = if self.draws.chance(0.5) { PI } else { -PI };
                    self.step(who, [0.0; 2], turn, seconds);
                    let far = self.draws.uniform(1.8, 2.4);
                    self.walk_off(who, far);
                }
                if way == 3 { chain::LEAVE_BOTH } else { chain::LEAVE_ONE }
            }
            _ => {
                // Both turn to the same side of the room.
                let turn = if self.draws.chance(0.5) { 0.5 * PI } else { -0.5 * PI };
                self.step(0, [0.0; 2], turn, 1.1);
                self.step(1, [0.0; 2], -turn, 1.1);
                let far = self.draws.uniform(1.8, 2.6);
                self.walk_off_together(far);
                chain::LEAVE_TOGETHER
            }
        };
        self.left = Some(Clause::new(subject, phrases));
    }

    /// Seconds so far, of whoever is farther.
    pub fn now(&self) -> f64 {
        self.paths[0].now().max(self.paths[1].now())
    }

    /// Leg lengths of a person.
    pub fn legs(&self, who: usize) -> [[f64; 3]; 2] {
        self.paths[who].legs()
    }

    /// Where a joint of a person is while standing, (left, up, forward) of the middle of the feet.
    pub fn usual(&self, who: usize, joint: usize) -> Vec3d {
        self.paths[who].usual(joint)
    }

    /// The least distance at which these joints of two who face each other are never nearer than `gap`.
    pub fn clear(&self, joint: usize, gap: f64) -> f64 {
        self.paths[0].foremost(joint) + self.paths[1].foremost(joint) + gap
    }

    /// The parts, ready for gestures.
    pub fn parts(&mut self) -> [Part; 2] {
        let end = self.now();
        self.stay_until(end);
        let phases = [self.draws.uniform(0.0, TAU), self.draws.uniform(0.0, TAU)];
        [0, 1].map(|who| {
            let mut track = self.paths[who].track.clone();
            track.truncate(MOST);
            Part::new(track, phases[who])
        })
    }

    /// The scene, with captions from templates.
    pub fn scene(
        &mut self,
        family: &'static str,
        parts: &[Part; 2],
        pair: &[&str],
        alone: [&[&str]; 2],
    ) -> Scene {
        let meaning = sided_meaning(family, pair, &alone.concat());
        let alone = alone.map(|list| about(list, self.side, self.draws));
        let facts = facts(self.draws, self.side, &wordings::more(pair), [&[], &[]], alone, &meaning);
        Scene { family, tracks: perform(parts), facts }
    }

    /// The scene of a gesture that may be one deed of several: where people came to it or parted after it, most captions say so.
    pub fn chained(
        &mut self,
        family: &'static str,
        parts: &[Part; 2],
        deed: Deed<'_>,
        pair: &[&str],
        alone: [&[&str]; 2],
    ) -> Scene {
        let more = [deed.they, deed.first, deed.second, &alone.concat()].concat();
        let meaning = self.with_ends(sided_meaning(family, pair, &more));
        let mut templates = wordings::more(pair);
        if self.came.is_some() || self.left.is_some() {
            let kept = 1 + self.draws.below(2);
            while templates.len() > kept {
                let out = self.draws.below(templates.len());
                templates.remove(out);
            }
            templates.extend(self.told(deed));
        }
        let alone = alone.map(|list| about(list, self.side, self.draws));
        let facts = facts(self.draws, self.side, &templates, [&[], &[]], alone, &meaning);
        Scene { family, tracks: perform(parts), facts }
    }

    /// The scene of people who do what these phrases say.
    pub fn told_by(
        &mut self,
        family: &'static str,
        parts: &[Part; 2],
        templates: &[&str],
        does: [Vec<String>; 2],
    ) -> Scene {
        let meaning = meaning(family, templates, does.each_ref().map(Vec::as_slice));
        let meaning = if self.abreast { meaning + " / side by side" } else { meaning };
        let alone = does.each_ref().map(|list| caption::alone(list, self.draws));
        let does = does.map(|list| wordings::more(&list));
        let templates = wordings::more(templates);
        let facts =
            facts(self.draws, self.side, &templates, does.each_ref().map(Vec::as_slice), alone, &meaning);
        Scene { family, tracks: perform(parts), facts }
    }

    /// The scene of a deed between coming and parting; `alone` is what each does, in phrases.
    pub fn told_chained(
        &mut self,
        family: &'static str,
        parts: &[Part; 2],
        deed: Deed<'_>,
        alone: [Vec<String>; 2],
    ) -> Scene {
        let deeds =
            [deed.they, deed.first, deed.second].map(|list| list.first().copied().unwrap_or_default());
        let meaning =
            self.with_ends(meaning(family, &[deeds.join(" / ")], alone.each_ref().map(Vec::as_slice)));
        let templates = self.told(deed);
        let alone = alone.each_ref().map(|list| caption::alone(list, self.draws));
        let facts = facts(self.draws, self.side, &templates, [&[], &[]], alone, &meaning);
        Scene { family, tracks: perform(parts), facts }
    }

    /// A meaning with how people came and how they parted.
    fn with_ends(&self, meaning: String) -> String {
        let end = |clause: &Option<Clause>| {
            let said = clause
                .as_ref()
                .and_then(|clause| Some(format!("{:?} {}", clause.who, clause.phrases.first()?)));
            said.unwrap_or_default()
        };
        [meaning, end(&self.came), end(&self.left)].join(" / ")
    }

    /// Templates that tell of coming, the deed and parting; some leave out one end.
    fn told(&mut self, deed: Deed<'_>) -> Vec<String> {
        let said = |who, list: &[&str], side| Clause { who, phrases: all_sided(&wordings::more(list), side) };
        let middle = vec![
            said(Subject::They, deed.they, self.side),
            said(Subject::First, deed.first, self.side),
            said(Subject::Second, deed.second, self.side),
        ];
        let whole: Vec<Vec<Clause>> =
            [self.came.clone().map(|come| vec![come]), Some(middle), self.left.clone().map(|l| vec![l])]
                .into_iter()
                .flatten()
                .collect();
        (0..COUNT[1])
            .map(|_| {
                let from = usize::from(self.came.is_some() && whole.len() == 3 && self.draws.chance(0.12));
                let to = whole.len()
                    - usize::from(
                        self.left.is_some() && whole.len() == 3 && from == 0 && self.draws.chance(0.12),
                    );
                chain::sentence(&whole[from..to], self.draws)
            })
            .collect()
    }
}

/// What happens in a gesture, with its side where anything that is said of it names one.
fn sided_meaning(family: &str, templates: &[&str], more: &[&str]) -> String {
    let sided = templates.iter().chain(more).any(|text| text.contains("{h}") || text.contains("{o}"));
    let told = meaning(family, templates, [&[], &[]]);
    if sided { told + " / {h}" } else { told }
}

/// What one does toward the other, who is `whom`.
fn one(who: Subject, list: &[&str], whom: &str) -> Clause {
    Clause { who, phrases: wordings::more(list).iter().map(|phrase| phrase.replace("{x}", whom)).collect() }
}

/// A slight bend forward that leads a reach.
pub fn lean_in(part: &mut Part, when: Span, bend: f64, twist: f64) {
    part.bend(when.led(0.08), Torso { bend, twist, ..Torso::default() });
}

/// Aim a wrist so that the palm is where these two hands meet, `above` the mean pelvis height plus `bob(time)`.
pub fn palms(
    mine: Hand,
    theirs: Hand,
    above: f64,
    bob: impl Fn(f64) -> f64 + 'static,
) -> impl Fn(&View) -> Vec3d + 'static {
    move |view| {
        let mut at = view.meeting(mine, theirs, above);
        at[1] += bob(view.time);
        // Level: both wrists come from their own side.
        let from = view.own(mine.shoulder());
        short_of([from[0], at[1], from[2]], at, PALM)
    }
}
