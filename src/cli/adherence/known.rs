//! Motion whose content is known: clips of a training folder that `duet data compose` made, as they are and after a VQ-VAE.

use super::AdherenceArgs;
use crate::cli::device;
use crate::cli::vq_at_hand::VqAtHand;
use crate::data::folder::Reader;
use crate::data::{Folder, Split};
use crate::error::{Error, Result};
use crate::eval::adherence::Scene;
use crate::eval::adherence::ceiling::{Ceilings, EXAMPLES, Plan, ceilings};
use crate::eval::adherence::examples::{Labelled, Rules};
use crate::eval::adherence::prompt::Prompt;
use crate::eval::reconstruct::round_trip;
use crate::motion::canonical::canonicalise_pair;
use crate::motion::contact::ContactRule;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

/// Try the checks of `prompts` on the clips of `composed`.
pub fn known(args: &AdherenceArgs, prompts: &[Prompt], composed: &Path) -> Result<Ceilings> {
    let rules = match &args.examples {
        Some(path) => Rules::parse(&super::read_text(path, "examples_file")?)?,
        None => Rules::everyday()?,
    };
    let vq = args.vq.as_deref().map(|name| VqAtHand::named(name, &device::best())).transpose()?;
    let folder = Folder::open(composed)?;
    let mut ids = Vec::new();
    for split in Split::ALL {
        ids.extend(folder.ids(split, Reader::Text)?);
    }
    ids.sort_unstable();
    ids.dedup();
    let label = |id: &String| -> Result<Labelled> {
        let [first, second] = folder.captions_alone(id)?;
        Ok(Labelled::new(id, &folder.captions(id)?, [&first, &second]))
    };
    let labels = ids.par_iter().map(label).collect::<Result<Vec<_>>>()?;

    let plan = Plan::new(&rules, prompts, &labels, EXAMPLES);
    let wanted: Vec<usize> = plan.clips().into_iter().collect();
    let scene = |clip: &usize| -> Result<(usize, Scene)> { Ok((*clip, scene(&folder, &ids[*clip])?)) };
    let scenes = wanted.par_iter().map(scene).collect::<Result<BTreeMap<_, _>>>()?;
    if scenes.is_empty() {
        let message =
            "no clip of this folder shows what a prompt asks for; make one with `duet data compose`";
        return Err(Error::invalid("no_clips", message));
    }
    let decoded = vq.map(|vq| decoded(&vq, &folder, &ids, &plan)).transpose()?;
    ceilings(prompts, &plan, &labels, &scenes, decoded.as_ref())
}

/// A clip as a model learns it.
fn scene(folder: &Folder, id: &str) -> Result<Scene> {
    let pair = folder.pair(id)?;
    let [first, second] = &pair.persons;
    let features = canonicalise_pair([first, second], &ContactRule::default())?.features;
    let [first, second] = features.map(|person| person.positions());
    Scene::new([&first, &second])
}

/// The examples, encoded and decoded.
fn decoded(vq: &VqAtHand, folder: &Folder, ids: &[String], plan: &Plan) -> Result<BTreeMap<usize, Scene>> {
    let examples = plan.examples();
    let bar = super::progress_bar(examples.len() as u64);
    bar.set_message("through the VQ-VAE");
    let device = device::best();
    let decode = |clip: usize| -> Result<(usize, Scene)> {
        let motion = round_trip(&vq.vq, &vq.stats, &folder.pair(&ids[clip])?, &device)?;
        bar.inc(1);
        Ok((clip, Scene::of(&motion)?))
    };
    let scenes = examples.into_iter().map(decode).collect();
    bar.finish_and_clear();
    scenes
}
