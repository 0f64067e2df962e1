//! The test takes of a training folder, and what a model makes of their captions.

use super::{AdherenceArgs, guided, raw};
use crate::data::folder::Reader;
use crate::data::{Folder, Split};
use crate::engine::{Engine, RawRequest};
use crate::error::{Error, Result};
use crate::eval::adherence::Scene;
use crate::eval::adherence::quality::{Figures, Quality};
use crate::eval::frechet::{Frechet, Windows, compare};
use crate::generate::{MAX_FRAMES, MIN_FRAMES};
use crate::motion::canonical::canonicalise_pair;
use crate::motion::contact::ContactRule;
use indicatif::ProgressBar;
use std::path::Path;

/// What is known of real motion.
pub struct Real {
    /// Its flaws.
    pub figures: Figures,
    /// Captions and lengths (frames) of takes, for a model to try.
    pub clips: Vec<(String, usize)>,
    /// Windows of every other take, and of the rest.
    halves: [Windows; 2],
}

impl Real {
    /// Read all test takes, and the captions of `tried` of them.
    ///
    /// # Errors
    /// `no_clips`; as [`Folder`].
    pub fn read(data: &Path, tried: usize) -> Result<Self> {
        let folder = Folder::open(data)?;
        let ids = |reader| -> Result<Vec<String>> {
            let mut ids = folder.ids(Split::Test, reader)?;
            ids.sort_unstable();
            ids.dedup();
            Ok(ids)
        };
        let motions = ids(Reader::Motion)?;
        if motions.is_empty() {
            let message = "the test split of this training folder holds no clip";
            return Err(Error::invalid("no_clips", message));
        }
        let (mut quality, mut halves) = (Quality::default(), [Windows::default(), Windows::default()]);
        for (n, id) in motions.iter().enumerate() {
            let pair = folder.pair(id)?;
            let [first, second] = &pair.persons;
            let features = canonicalise_pair([first, second], &ContactRule::default())?.features;
            let [first, second] = features.map(|person| person.positions());
            quality.add([&first, &second]);
            halves[n % 2].add(&Scene::new([&first, &second])?);
        }
        let told = ids(Reader::Text)?;
        let tried = tried.min(told.len());
        let clip = |n: usize| -> Result<(String, usize)> {
            let id = &told[n * told.len() / tried];
            let captions = folder.captions(id)?;
            Ok((captions[n % captions.len()].clone(), folder.pair(id)?.persons[0].frames()))
        };
        let clips = (0..tried).map(clip).collect::<Result<_>>()?;
        Ok(Self { figures: quality.figures(), clips, halves })
    }

    /// Generate from the captions and compare. None where there is too little to compare.
    ///
    /// # Errors
    /// Of the engine.
    pub fn frechet(
        &self,
        args: &AdherenceArgs,
        engine: &Engine,
        bar: &ProgressBar,
    ) -> Result<Option<Frechet>> {
        bar.set_message("from captions of real takes");
        let mut made = Windows::default();
        for (caption, frames) in &self.clips {
            let frames = (*frames).clamp(MIN_FRAMES, MAX_FRAMES);
            let request = RawRequest { frames: Some(frames as i128), ..raw(args, caption) }.validate()?;
            let request = guided(args, engine, request);
            let finished = engine.generate_blocking(request, Box::new(|_, _| ()))?;
            for sample in &finished.generated.samples {
                made.add(&Scene::of(sample.shown())?);
            }
            bar.inc(1);
        }
        Ok(compare(&made, &self.halves))
    }
}
