//! One person's part: a piece of capture stretched, repeated, led into from standing and out to it; walks of any length, with a
//! start and a stop.

use super::draws::Draws;
use super::gesture::Bases;
use super::library::{Library, Piece};
use super::manifest::Kind;
use super::recipe::ComposeRecipe;
use super::scene::Track;
use super::track::{self, ease, join, join_before, mismatch, pace, repeat, shift, to_and_fro, turn};
use crate::data::capture::Joints;
use crate::data::recipe::Split;
use crate::error::{Error, Result};
use crate::motion::FPS;

/// Frames over which one piece gives way to another.
const OVERLAP: usize = 12;
/// Worst fit of two pieces that are joined standing: all joints and feet, metres.
const FITS: [f64; 2] = [0.26, 0.11];
/// The same where a walk comes to a stop or begins: one foot is in the air.
const STEP_FITS: [f64; 2] = [0.3, 0.2];
/// Best loop error up to which a piece is repeated.
const REPEATS: f64 = 0.09;
/// Widest stance of somebody who stands relaxed, between the ankles on the floor, metres; and how often one is looked for.
const STANCE: f64 = 0.33;
/// See [`STANCE`].
const STANCES: usize = 24;
/// Words with which a phrase counts what it tells of, so that it is not true of a repetition.
const COUNTING: [&str; 8] = ["two", "twice", "three", "times", "one-two", "again", "series", "combination"];

/// What one person does, and how it is called (base form, verbs marked).
#[derive(Clone, Debug)]
pub struct Part {
    /// The motion.
    pub track: Track,
    /// What it is called.
    pub phrases: Vec<String>,
}

/// Real standing and walking of a part of the data set, for layers that lay gestures over it. It owns what it needs, so that
/// such a layer may keep it for as long as it likes.
#[derive(Clone, Debug)]
pub struct Grounds {
    stands: Vec<Track>,
    walks: Vec<Track>,
}

impl Grounds {
    /// # Errors
    /// `compose_no_grounds` where the split has no standing or no walk.
    pub fn new(library: &Library, split: Split) -> Result<Self> {
        let tracks = |kind: Kind, fits: fn(&Piece) -> bool| -> Vec<Track> {
            let pieces = library.of_kinds(split, std::slice::from_ref(&kind)).filter(|piece| fits(piece));
            pieces.map(|piece| piece.track.clone()).collect()
        };
        let grounds = Self {
            stands: tracks(Kind::Stand, |piece| piece.action == "stand" && piece.track.len() >= 24),
            walks: tracks(Kind::Walk, |piece| piece.track.len() >= 60),
        };
        if grounds.stands.is_empty() || grounds.walks.is_empty() {
            let message =
                format!("the {} split has no standing or no walk to lay gestures over", split.name());
            return Err(Error::invalid("compose_no_grounds", message));
        }
        Ok(grounds)
    }
}

impl Bases for Grounds {
    /// Ten seconds of relaxed standing; pelvis of frame 0 above the origin, facing +z.
    fn standing(&self, draws: &mut Draws) -> Track {
        let mut track = draws_stand(&self.stands, 300, draws).unwrap_or_default();
        // Gestures keep the feet of the first frame: somebody in the middle of a step does not stand.
        for _ in 0..STANCES {
            if track.first().is_some_and(|pose| track::stance(pose) < STANCE) {
                break;
            }
            track = draws_stand(&self.stands, 300, draws).unwrap_or_default();
        }
        if draws.chance(0.5) {
            track = track::mirror(&track);
        }
        centre(&mut track);
        track
    }

    /// Four seconds of walking from the origin along +z.
    fn walking(&self, draws: &mut Draws) -> Track {
        let walk = draws.choice(&self.walks);
        let mut track = repeat(&pace(walk, draws.uniform(0.88, 1.1)), 120, 9);
        if draws.chance(0.5) {
            track = track::mirror(&track);
        }
        straighten(&mut track);
        track
    }
}

/// Everything that parts are made of.
#[derive(Clone, Copy)]
pub struct Stage<'a> {
    /// Where the pieces are.
    pub library: &'a Library,
    /// Which of them may be used.
    pub split: Split,
    /// Lengths.
    pub recipe: &'a ComposeRecipe,
}

impl Stage<'_> {
    /// Fewest frames of a clip.
    pub fn least(&self) -> usize {
        (self.recipe.seconds[0] * f64::from(FPS)).ceil() as usize
    }

    /// Most frames of a clip.
    pub fn most(&self) -> usize {
        (self.recipe.seconds[1] * f64::from(FPS)).floor() as usize
    }

    /// A piece of one of some kinds, half of them in the mirror.
    pub fn pick(&self, kinds: &[Kind], draws: &mut Draws) -> Option<Piece> {
        self.library.pick(self.split, kinds, draws)
    }

    /// A piece of one of some actions, half of them in the mirror.
    pub fn pick_action(&self, actions: &[&str], draws: &mut Draws) -> Option<Piece> {
        self.library.pick_where(self.split, |piece| actions.contains(&piece.action.as_str()), draws)
    }

    /// Somebody standing, front along +z.
    pub fn stand(&self, frames: usize, draws: &mut Draws) -> Option<Track> {
        let mut track = draws_stand(&self.stands(draws), frames, draws)?;
        centre(&mut track);
        Some(track)
    }

    /// All pieces of standing, some of them in the mirror.
    fn stands(&self, draws: &mut Draws) -> Vec<Track> {
        self.library
            .of_kinds(self.split, &[Kind::Stand])
            .filter(|piece| piece.action == "stand" && piece.track.len() >= 24)
            .map(|piece| if draws.chance(0.5) { track::mirror(&piece.track) } else { piece.track.clone() })
            .collect()
    }

    /// Standing that a track can be joined with, by a test of candidates; one of the best.
    fn best_stand(
        &self,
        frames: usize,
        fits: [f64; 2],
        draws: &mut Draws,
        test: impl Fn(&[Joints]) -> (f64, f64),
    ) -> Option<Track> {
        let mut found: Vec<(f64, Track)> = Vec::new();
        for stand in self.stands(draws) {
            for _ in 0..2 {
                let candidate = to_and_fro(&stand, draws.below(stand.len()), frames);
                let (all, feet) = test(&candidate);
                if all < fits[0] && feet < fits[1] {
                    found.push((all + feet, candidate));
                }
            }
        }
        found.sort_by(|a, b| a.0.total_cmp(&b.0));
        found.truncate(4);
        let chosen = draws.below(found.len());
        found.into_iter().nth(chosen).map(|(_, track)| track)
    }

    /// A piece at its own pace, repeated where it can be and has to (or now and then), after `lead` frames of standing; at least
    /// [`Stage::least`] frames.
    pub fn act(&self, piece: &Piece, lead: usize, draws: &mut Draws) -> Option<Part> {
        let mut track = pace(&piece.track, draws.uniform(0.87, 1.2));
        let mut phrases = piece.phrases.clone();
        let short = track.len() + lead < self.least();
        let may_repeat =
            piece.repeats < REPEATS && !matches!(piece.kind, Kind::Turn | Kind::Kick | Kind::Jump);
        let counts = |phrase: &String| phrase.split(' ').any(|word| COUNTING.contains(&word));
        if may_repeat && !phrases.iter().all(counts) && draws.chance(if short { 0.7 } else { 0.25 }) {
            let longer = repeat(&track, (track.len() * 9 / 5).max(self.least() + 6), 9);
            if longer.len() > track.len() + 15 {
                track = longer;
                phrases.retain(|phrase| !counts(phrase));
                let more: Vec<String> = phrases
                    .iter()
                    .flat_map(|phrase| {
                        [" again and again", " repeatedly", " several times"]
                            .map(|how| format!("{phrase}{how}"))
                    })
                    .collect();
                let picked = draws.choice(&more).clone();
                phrases.push(picked);
            }
        }
        if lead > 0 {
            track = self.led_into(&track, lead, draws)?;
        }
        if track.len() < self.least() || draws.chance(0.4) {
            let wanted = (track.len() + 8 + draws.below(40)).max(self.least());
            if let Some(longer) = self.extend(&track, wanted, draws) {
                track = longer;
            }
        }
        track.truncate(self.most());
        (track.len() >= self.least()).then_some(Part { track, phrases })
    }

    /// The same after `lead` frames of standing, the front and the place of the action unchanged.
    pub fn led_into(&self, track: &[Joints], lead: usize, draws: &mut Draws) -> Option<Track> {
        let stand = self.best_stand(lead + OVERLAP, FITS, draws, |stand| mismatch(stand, track, OVERLAP))?;
        Some(join_before(&stand, track, OVERLAP))
    }

    /// The same with standing at its end, or cut, so that it has `frames`.
    pub fn extend(&self, track: &[Joints], frames: usize, draws: &mut Draws) -> Option<Track> {
        if track.len() >= frames {
            return Some(track[..frames].to_vec());
        }
        let missing = frames - track.len() + OVERLAP;
        let stand = self.best_stand(missing, FITS, draws, |stand| mismatch(track, stand, OVERLAP))?;
        Some(join(track, &stand, OVERLAP))
    }

    /// A walk, a run, a dribble from the origin along +z for `frames`.
    pub fn go(&self, kinds: &[Kind], frames: usize, draws: &mut Draws) -> Option<Part> {
        let piece = self.pick(kinds, draws)?;
        self.go_as(&piece, frames, draws)
    }

    /// The same with a given piece.
    pub fn go_as(&self, piece: &Piece, frames: usize, draws: &mut Draws) -> Option<Part> {
        let speed =
            if piece.kind == Kind::Run { draws.uniform(0.82, 1.05) } else { draws.uniform(0.88, 1.15) };
        let mut track = repeat(&pace(&piece.track, speed), frames, 9);
        if track.len() < frames {
            return None;
        }
        track.truncate(frames);
        straighten(&mut track);
        Some(Part { track, phrases: piece.phrases.clone() })
    }

    /// A walk of about `walking` frames that comes to a stand and waits, `frames` in all; from the origin along +z.
    pub fn go_and_stop(
        &self,
        kinds: &[Kind],
        walking: usize,
        frames: usize,
        draws: &mut Draws,
    ) -> Option<Part> {
        let part = self.go(kinds, walking + 36, draws)?;
        let mut best: Option<(f64, Track, usize)> = None;
        for cut in walking..walking + 36 {
            let eased = ease(&part.track[..cut], 14, 0.35, false);
            let test = |stand: &[Joints]| mismatch(&eased, stand, OVERLAP);
            let Some(stand) = self.best_stand(frames.max(2 * OVERLAP), STEP_FITS, draws, test) else {
                continue;
            };
            let (all, feet) = test(&stand);
            if best.as_ref().is_none_or(|(error, ..)| all + 2.0 * feet < *error) {
                best = Some((all + 2.0 * feet, stand, cut));
            }
        }
        let (_, stand, cut) = best?;
        let mut track = join(&ease(&part.track[..cut], 14, 0.35, false), &stand, OVERLAP);
        if track.len() < frames {
            return None;
        }
        track.truncate(frames);
        Some(Part { track, phrases: part.phrases })
    }

    /// Standing for about `standing` frames, then a walk, `frames` in all; the walk leads along +z.
    pub fn stand_and_go(
        &self,
        kinds: &[Kind],
        standing: usize,
        frames: usize,
        draws: &mut Draws,
    ) -> Option<Part> {
        let part = self.go(kinds, frames.saturating_sub(standing) + 36, draws)?;
        let mut best: Option<(f64, Track, usize)> = None;
        for from in 0..30 {
            let eased = ease(&part.track[from..], 14, 0.35, true);
            let test = |stand: &[Joints]| mismatch(stand, &eased, OVERLAP);
            let Some(stand) = self.best_stand(standing + OVERLAP, STEP_FITS, draws, test) else { continue };
            let (all, feet) = test(&stand);
            if best.as_ref().is_none_or(|(error, ..)| all + 2.0 * feet < *error) {
                best = Some((all + 2.0 * feet, stand, from));
            }
        }
        let (_, stand, from) = best?;
        let mut track = join_before(&stand, &ease(&part.track[from..], 14, 0.35, true), OVERLAP);
        if track.len() < frames {
            return None;
        }
        track.truncate(frames);
        let [x, _, z] = track[0][0];
        shift(&mut track, [-x, -z]);
        Some(Part { track, phrases: part.phrases })
    }
}

fn draws_stand(stands: &[Track], frames: usize, draws: &mut Draws) -> Option<Track> {
    if stands.is_empty() {
        return None;
    }
    let stand = draws.choice(stands);
    Some(to_and_fro(stand, draws.below(stand.len()), frames))
}

/// Turn and move a track so that it begins at the origin and faces +z on average.
fn centre(track: &mut Track) {
    if let Some([[x, _, z], ..]) = track.first().copied() {
        shift(track, [-x, -z]);
        let front = track::mean_facing(track);
        turn(track, -front);
    }
}

/// Turn and move a path so that it begins at the origin and ends on +z.
fn straighten(track: &mut Track) {
    let [x, _, z] = track[0][0];
    shift(track, [-x, -z]);
    let end = track[track.len() - 1][0];
    let angle = end[0].atan2(end[2]);
    turn(track, -angle);
}
