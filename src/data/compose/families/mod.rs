//! The families of scenes: who does what, where, and the sentences that are true of it.

mod acting;
mod walking;

use super::caption::{Material, alone, captions};
use super::draws::Draws;
use super::library::Library;
use super::manifest::Kind;
use super::place::apart;
use super::recipe::ComposeRecipe;
use super::scene::{Facts, Scene, Source};
use super::stage::{Part, Stage};
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
pub fn sources<'a>(library: &'a Library, recipe: &'a ComposeRecipe, split: Split) -> Vec<Box<dyn Source + 'a>> {
    let stage = Stage { library, split, recipe };
    let there = |kind: &Kind| library.of_kinds(split, std::slice::from_ref(kind)).next().is_some();
    acting::FAMILIES
        .iter()
        .chain(walking::FAMILIES)
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
        let fits = first.track.len() == second.track.len()
            && (self.stage.least()..=self.stage.most()).contains(&first.track.len())
            && apart(&first.track, &second.track);
        if !fits {
            return None;
        }
        let material = Material {
            templates: &templates,
            does: [&first.phrases, &second.phrases],
            count: self.stage.recipe.captions,
            misspelt: self.stage.recipe.misspelt,
        };
        let captions = captions(&material, draws);
        let persons = [alone(&first.phrases, draws), alone(&second.phrases, draws)];
        let mut scene = Scene {
            family: self.family.name,
            tracks: [first.track, second.track],
            facts: Facts { captions, persons },
        };
        // Whoever acts is person 1 half of the time.
        if draws.chance(0.5) {
            scene.tracks.swap(0, 1);
            scene.facts.persons.swap(0, 1);
        }
        Some(scene)
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
