//! How many clips of which families to compose, and which takes are held out.

use crate::data::recipe::Split;
use crate::error::{Error, ErrorKind, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// The recipes that come with the program.
pub const BUILTIN: [(&str, &str); 1] = [("everyday", include_str!("../recipes/everyday.toml"))];

/// A validated recipe of composition.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComposeRecipe {
    /// What to call the data.
    pub name: String,
    /// The words that the owners of the data ask to be shown with anything made from it.
    pub acknowledgment: String,
    /// The recipe of the real pairs that go in as well.
    pub pairs: String,
    /// Takes of that recipe that stay out.
    #[serde(default)]
    pub without: Vec<String>,
    /// How often the whole stretches of the real training pairs count, beside so many composed ones.
    pub pair_copies: usize,
    /// Composed clips, where the caller does not say.
    pub clips: usize,
    /// Shortest and longest clip, seconds.
    pub seconds: [f64; 2],
    /// Fewest and most captions of a clip.
    pub captions: [usize; 2],
    /// Share of captions with a slip of the pen.
    pub misspelt: f64,
    /// Shares of composed clips for validation and test.
    pub val: f64,
    /// See `val`.
    pub test: f64,
    /// Takes that only validation and test clips are made of.
    pub held: Held,
    /// Weight of each family; 0 leaves it out.
    pub families: BTreeMap<String, f64>,
}

/// Takes that are held out.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// For validation.
    pub val: Vec<String>,
    /// For test.
    pub test: Vec<String>,
}

impl Held {
    /// Part of the data set that a take belongs to.
    pub fn split(&self, take: &str) -> Split {
        let among = |list: &[String]| list.iter().any(|held| held == take);
        if among(&self.test) {
            Split::Test
        } else if among(&self.val) {
            Split::Val
        } else {
            Split::Train
        }
    }
}

impl ComposeRecipe {
    /// A builtin recipe by name, or a file where the name ends in `.toml`.
    ///
    /// # Errors
    /// `recipe_not_found`, from the disk, or `recipe_invalid`.
    pub fn load(name: &str) -> Result<Self> {
        if let Some((_, text)) = BUILTIN.iter().find(|(known, _)| *known == name) {
            return Self::parse(text);
        }
        let path = Path::new(name);
        if path.extension().is_some_and(|extension| extension == "toml") {
            let text = std::fs::read_to_string(path).map_err(|source| Error::io("read", path, source))?;
            return Self::parse(&text);
        }
        let known: Vec<_> = BUILTIN.iter().map(|(known, _)| *known).collect();
        let message = format!(
            "there is no recipe \"{name}\" of composition; built in is {}, and a path ending in .toml names a file",
            known.join(", ")
        );
        Err(Error::new(ErrorKind::NotFound, "recipe_not_found", message))
    }

    /// Parse and validate a recipe.
    ///
    /// # Errors
    /// `recipe_invalid`.
    pub fn parse(text: &str) -> Result<Self> {
        let invalid = |message: String| {
            Error::invalid("recipe_invalid", format!("the recipe of composition is wrong: {message}"))
        };
        let recipe: Self = toml::from_str(text).map_err(|error| invalid(error.to_string()))?;
        let [short, long] = recipe.seconds;
        if !(short >= 2.2 && short < long && long <= 10.0) {
            return Err(invalid("clips are 2.2 to 10 seconds long".to_owned()));
        }
        if !(1..=20).contains(&recipe.pair_copies) {
            return Err(invalid("pair_copies is 1 to 20".to_owned()));
        }
        let [few, many] = recipe.captions;
        if !(1 <= few && few <= many && many <= 20) {
            return Err(invalid("a clip has 1 to 20 captions".to_owned()));
        }
        let share = |value: f64| (0.0..=0.5).contains(&value);
        if ![recipe.misspelt, recipe.val, recipe.test].into_iter().all(share) {
            return Err(invalid("shares are 0 to 0.5".to_owned()));
        }
        if !recipe.families.values().all(|weight| weight.is_finite() && *weight >= 0.0) {
            return Err(invalid("weights are 0 or more".to_owned()));
        }
        Ok(recipe)
    }

    /// Weight of a family: 0 where the recipe does not name it.
    pub fn weight(&self, family: &str) -> f64 {
        self.families.get(family).copied().unwrap_or(0.0)
    }
}
