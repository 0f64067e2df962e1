//! The families of scenes: who does what, where, and the sentences that are true of it.

mod acting;
mod fighting;
mod moving;
mod running;
pub(super) mod templates;
mod topics;
mod walking;

use super::caption::{Material, alone, captions, meaning};
use super::draws::Draws;
use super::library::Library;
use super::manifest::Kind;
use super::place::apart;
use super::recipe::ComposeRecipe;
use super::scene::{Facts, Scene, Source};
use super::stage::{Part, Stage};
use super::wordings;
use crate::data::recipe::Split;
use crate::error::{Error, Result};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Scenes that are tried before a family is given up.
const TRIES: usize = 400;

/// A family's maker: two parts in one room, and templates (see [`super::caption`]) that are true of them; `None` where the draws
/// do not fit together.
type Make = fn(&Stage<'_>, &mut Draws) -> Option<Staged>;

/// Two parts in one room.
struct Staged {
    parts: [Part; 2],
    templates: Vec<&'static str>,
}

/// A family: its name, the kinds of pieces it cannot do without, its maker.
struct Family {
    name: &'static str,
    needs: &'static [Kind],
    make: Make,
}

struct FamilySource<'a> {
    family: &'static Family,
    stage: Stage<'a>,
    weight: f64,
    rejected: AtomicUsize,
}

/// Makers of all families that the recipe names and whose pieces the split has.
pub fn sources<'a>(
    library: &'a Library,
    recipe: &'a ComposeRecipe,
    split: Split,
) -> Vec<Box<dyn Source + 'a>> {
    let stage = Stage { library, split, recipe };
    let there = |kind: &Kind| library.of_kinds(split, std::slice::from_ref(kind)).next().is_some();
    acting::FAMILIES
        .iter()
        .chain(fighting::FAMILIES)
        .chain(walking::FAMILIES)
        .chain(running::FAMILIES)
        .chain(topics::FAMILIES)
        .chain(moving::FAMILIES)
        .filter(|family| recipe.weight(family.name) > 0.0 && family.needs.iter().all(there))
        .map(|family| -> Box<dyn Source> {
            let weight = recipe.weight(family.name);
            Box::new(FamilySource { family, stage, weight, rejected: AtomicUsize::new(0) })
        })
        .collect()
}

impl Source for FamilySource<'_> {
    fn family(&self) -> &'static str {
        self.family.name
    }

    fn weight(&self) -> f64 {
        self.weight
    }

    fn rejected(&self) -> usize {
        self.rejected.load(Ordering::Relaxed)
    }

    fn make(&self, draws: &mut Draws) -> Result<Scene> {
        for _ in 0..TRIES {
            let scene = (self.family.make)(&self.stage, draws).and_then(|staged| self.scene(staged, draws));
            if let Some(scene) = scene {
                return Ok(scene);
            }
            self.rejected.fetch_add(1, Ordering::Relaxed);
        }
        let message = format!(
            "family {} makes no scene that fits ({} split); leave it out of the recipe",
            self.family.name,
            self.stage.split.name()
        );
        Err(Error::invalid("compose_no_scene", message))
    }
}

impl FamilySource<'_> {
    fn scene(&self, staged: Staged, draws: &mut Draws) -> Option<Scene> {
        let Staged { parts: [first, second], templates } = staged;
        let meaning = meaning(self.family.name, &templates, [&first.phrases, &second.phrases]);
        let fits = first.track.len() == second.track.len()
            && (self.stage.least()..=self.stage.most()).contains(&first.track.len())
            && apart(&first.track, &second.track);
        if !fits {
            return None;
        }
        let templates = wordings::more(&templates);
        let does = [&first.phrases, &second.phrases].map(|list| wordings::more(list));
        let material = Material {
            templates: &templates.iter().map(String::as_str).collect::<Vec<_>>(),
            does: [&does[0], &does[1]],
            count: self.stage.recipe.captions,
            misspelt: self.stage.recipe.misspelt,
        };
        let captions = captions(&material, draws);
        let persons = [alone(&first.phrases, draws), alone(&second.phrases, draws)];
        // Whoever acts is person 1, as captions count people; trainings that treat both alike exchange them.
        Some(Scene {
            family: self.family.name,
            tracks: [first.track, second.track],
            facts: Facts { captions, persons, meaning },
        })
    }
}

/// Phrases from text.
fn phrases(list: &[&str]) -> Vec<String> {
    list.iter().map(|&phrase| phrase.to_owned()).collect()
}

/// Further phrases for what somebody does: each with each of some endings.
fn with(list: &[String], endings: &[&str]) -> Vec<String> {
    list.iter().flat_map(|phrase| endings.iter().map(move |ending| format!("{phrase}{ending}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::capture::Joints;
    use crate::data::compose::library::Piece;
    use crate::data::compose::track::tests::stroll;
    use crate::rng::CounterRng;

    /// Somebody on the spot; in `raising`, the right forearm goes up and down.
    fn on_the_spot(frames: usize, raising: bool) -> Vec<Joints> {
        let pose = stroll(1)[0];
        let at = |frame: usize| {
            let mut pose = pose.map(|[x, y, z]| [x - pose[0][0], y, z - pose[0][2]]);
            if raising {
                let (sin, cos) =
                    (3.0 * (frame as f64 / frames as f64 * std::f64::consts::PI).sin()).sin_cos();
                pose[21] = [pose[19][0], pose[19][1] - 0.25 * cos, pose[19][2] + 0.25 * sin];
            }
            pose
        };
        (0..frames).map(at).collect()
    }

    fn library() -> Library {
        let piece = |action: &str, kind, phrase: &str, track| Piece {
            action: action.to_owned(),
            kind,
            phrases: vec![phrase.to_owned()],
            track,
            hold_start: true,
            hold_end: true,
            repeats: 0.02,
            split: Split::Train,
        };
        Library::of(vec![
            piece("stand", Kind::Stand, "~stand", on_the_spot(40, false)),
            piece("raise", Kind::Act, "~raise the right hand", on_the_spot(60, true)),
            piece("walk", Kind::Walk, "~walk", stroll(90)),
        ])
    }

    fn arm_travel(track: &[Joints], wrist: usize) -> f64 {
        track.windows(2).map(|w| (w[1][wrist][1] - w[1][0][1] - w[0][wrist][1] + w[0][0][1]).abs()).sum()
    }

    #[test]
    fn a_named_hand_is_the_hand_that_moves() {
        let (library, recipe) = (library(), ComposeRecipe::load("everyday").unwrap());
        let sources = sources(&library, &recipe, Split::Train);
        let watch = sources.iter().find(|source| source.family() == "act-watch").unwrap();
        let mut sides = [0; 2];
        for seed in 0..24 {
            let scene = watch.make(&mut Draws::new(CounterRng::new(seed, "test"))).unwrap();
            let moved: Vec<f64> = [20, 21]
                .iter()
                .map(|&wrist| scene.tracks.iter().map(|track| arm_travel(track, wrist)).sum())
                .collect();
            let side = usize::from(moved[1] > moved[0]);
            sides[side] += 1;
            let (right, wrong) = (["left hand", "right hand"][side], ["left hand", "right hand"][1 - side]);
            assert!(
                scene.facts.captions.iter().any(|caption| caption.contains(right)),
                "{:?}",
                scene.facts.captions
            );
            assert!(
                scene.facts.captions.iter().all(|caption| !caption.contains(wrong)),
                "{:?}",
                scene.facts.captions
            );
        }
        assert!(sides.iter().all(|&count| count > 3), "both hands are used: {sides:?}");
    }

    #[test]
    fn a_family_is_told_in_words_of_the_files_too() {
        let (library, recipe) = (library(), ComposeRecipe::load("everyday").unwrap());
        let own = wordings::tests::own_words();
        let sources = sources(&library, &recipe, Split::Train);
        let watch = sources.iter().find(|source| source.family() == "act-watch").unwrap();
        let is_told = (0..12).any(|seed| {
            let captions = watch.make(&mut Draws::new(CounterRng::new(seed, "told"))).unwrap().facts.captions;
            captions.iter().flat_map(|caption| caption.split(' ')).any(|word| own.contains(word))
        });
        assert!(is_told);
    }

    #[test]
    fn every_family_that_can_be_made_is_whole_and_repeats_itself() {
        let (library, recipe) = (library(), ComposeRecipe::load("everyday").unwrap());
        let sources = sources(&library, &recipe, Split::Train);
        assert!(sources.len() >= 10, "{}", sources.len());
        for source in &sources {
            let draws = Draws::new(CounterRng::new(5, source.family()));
            // A walk that is made up has no stride that stops; those families are tried on real captures only.
            let Ok(scene) = source.make(&mut draws.clone()) else { continue };
            assert_eq!(scene, source.make(&mut draws.clone()).unwrap());
            let [first, second] = &scene.tracks;
            assert_eq!(first.len(), second.len());
            assert!((66..=240).contains(&first.len()), "{}", source.family());
            assert!(
                scene.facts.captions.len() >= 3 && scene.facts.persons.iter().all(|list| !list.is_empty())
            );
            for text in scene.facts.captions.iter().chain(scene.facts.persons.iter().flatten()) {
                assert!(!text.contains(['{', '[', '~', '|', ']', '}']), "{}: {text}", source.family());
            }
        }
    }
}
