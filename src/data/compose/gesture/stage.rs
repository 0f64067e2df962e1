//! From drawn parameters to two paths: how far apart people stand, how they come there, how they part.

use super::bases::Bases;
use super::path::{Path, Place, Stand};
use super::pose::Hand;
use super::score::{Part, Torso, View, perform, short_of};
use super::timing::Span;
use super::words::facts;
use crate::data::compose::draws::Draws;
use crate::data::compose::scene::Scene;
use crate::motion::vector::{Vec3d, norm, sub};
use std::f64::consts::{PI, TAU};

/// How far a wrist stays from where palms, fists or held things meet, metres. Wrists stand for hands here; the hand
/// reaches about 9 cm beyond, so two wrists of a handshake are about 10 cm apart.
pub const PALM: f64 = 0.05;

/// Two people facing each other, 0 looking along +z and 1 along −z, and what is drawn for every gesture.
pub struct Stage<'a> {
    /// Draws of this scene.
    pub draws: &'a mut Draws,
    bases: &'a dyn Bases,
    paths: [Path; 2],
    /// Who acts, 0 or 1.
    pub actor: usize,
    /// The hand or leg of the act.
    pub side: Hand,
    /// How much slower than usual, about 0.8 to 1.3.
    pub slow: f64,
}

impl<'a> Stage<'a> {
    /// Both standing `apart` metres from each other and looking at each other.
    pub fn facing(bases: &'a dyn Bases, draws: &'a mut Draws) -> Self {
        let stands = [Stand::new(&bases.standing(draws)), Stand::new(&bases.standing(draws))];
        let [first, second] = stands;
        let here = Place { x: 0.0, z: 0.0, turn: 0.0 };
        let paths = [Path::new(first, here), Path::new(second, Place { turn: PI, ..here })];
        // As captions count people; trainings that treat both alike exchange them.
        let actor = 0;
        let side = if draws.chance(0.5) { Hand::Left } else { Hand::Right };
        let slow = draws.uniform(0.85, 1.3);
        Self { draws, bases, paths, actor, side, slow }
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

    /// The distance at which the actor's hand is at a height over the pelvis, straight ahead, stretched by `stretch`.
    pub fn touch_distance(&self, hand: Hand, above: f64, stretch: f64) -> f64 {
        let path = &self.paths[self.actor];
        let (shoulder, pelvis) = (path.usual(hand.shoulder()), path.usual(0));
        let [upper, lower] = self.arm(path, hand);
        let reach = stretch * (upper + lower);
        let up = shoulder[1] - pelvis[1] - above;
        shoulder[2] + (reach * reach - up * up).max(0.02).sqrt()
    }

    fn arm(&self, path: &Path, hand: Hand) -> [f64; 2] {
        let length = |a: usize, b: usize| norm(sub(path.usual(a), path.usual(b)));
        [length(hand.shoulder(), hand.elbow()), length(hand.elbow(), hand.wrist())]
    }

    /// Let one or both walk in, or nobody; then everybody stands. Gives the time from which on all stand.
    pub fn arrive(&mut self) -> f64 {
        let way = self.draws.unit();
        let comes = match way {
            w if w < 0.4 => [false, false],
            w if w < 0.7 => [true, true],
            w if w < 0.9 => [self.actor == 0, self.actor == 1],
            _ => [self.actor == 1, self.actor == 0],
        };
        let seconds = self.draws.uniform(1.5, 2.3);
        for (who, comes) in comes.into_iter().enumerate() {
            if comes {
                let walk = self.bases.walking(self.draws);
                self.paths[who].walk_in(&walk, seconds);
            }
        }
        let settled = self.paths[0].now().max(self.paths[1].now()) + self.draws.uniform(0.15, 0.6);
        self.stay_until(settled);
        settled
    }

    /// Everybody stands until `time`.
    pub fn stay_until(&mut self, time: f64) {
        self.paths.iter_mut().for_each(|path| path.stay_until(time));
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
    }

    /// Both walk off together in the same walk, in step.
    pub fn walk_off_together(&mut self, seconds: f64) {
        let walk = self.bases.walking(self.draws);
        self.paths.iter_mut().for_each(|path| path.walk_off(&walk, seconds));
    }

    /// Now and then both step apart after what they did.
    pub fn maybe_part(&mut self) {
        if self.draws.chance(0.35) {
            let back = self.draws.uniform(0.3, 0.6);
            let seconds = self.draws.uniform(0.9, 1.3);
            let who = self.draws.below(3);
            for person in (0..2).filter(|p| who == 2 || who == *p) {
                self.step(person, [0.0, -back], 0.0, seconds);
            }
        }
        let end = self.now() + self.draws.uniform(0.2, 0.7);
        self.stay_until(end);
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

    /// The parts, ready for gestures.
    pub fn parts(&mut self) -> [Part; 2] {
        let end = self.now();
        self.stay_until(end);
        let phases = [self.draws.uniform(0.0, TAU), self.draws.uniform(0.0, TAU)];
        [0, 1].map(|who| Part::new(self.paths[who].track.clone(), phases[who]))
    }

    /// The scene, with captions from templates.
    pub fn scene(
        &mut self,
        family: &'static str,
        parts: &[Part; 2],
        pair: &[&str],
        alone: [&[&str]; 2],
    ) -> Scene {
        let facts = facts(self.draws, self.side, self.actor, pair, alone);
        Scene { family, tracks: perform(parts), facts }
    }
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
