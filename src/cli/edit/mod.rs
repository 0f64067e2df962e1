//! `duet edit`: a result on disk, or captured files, changed into a new result.

mod flags;

pub use flags::EditArgs;

use super::generate::{deliver, on_progress, progress_bar};
use super::models_at_hand::ModelsAtHand;
use super::record::{Kept, Made, Means};
use super::results::{Destination, Plan};
use crate::engine::{Edited, Engine, Limits, Parent};
use crate::error::{Error, ErrorKind, Result};
use crate::formats::{self, npy};
use crate::generate::edit::{LONGEST, Source, Task};
use crate::generate::{FRAMES_PER_TOKEN, MIN_FRAMES};
use crate::motion::Motion;
use flags::Asked;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Edit and write.
///
/// # Errors
/// Those of the edit's rules, of the motion that is read, of the engine, and of the disk.
pub fn run(args: EditArgs) -> anyhow::Result<()> {
    let asked = Asked::try_from(args.kind)?;
    asked.target.compute.apply()?;
    let models = ModelsAtHand::find(asked.target.model.as_deref())?;
    edit(asked, models, &mut io::stdout().lock())
}

fn edit(asked: Asked, at_hand: ModelsAtHand, stdout: &mut dyn Write) -> anyhow::Result<()> {
    let Asked { mut raw, source, target } = asked;
    let ModelsAtHand { models, default } = at_hand;
    let sample = raw.sample()?;
    if target.model.is_some() {
        raw.how.model = Some(default.clone());
    }
    // A mistake is told before anything slow is done: the model is loaded when the work comes to it.
    let engine = Engine::start(models, Some(&default), Limits::default())?;
    let (parent, history) = parent(&engine, &source.sources, sample)?;
    let edit = engine.prepare_from(raw, parent)?;
    let model = edit.model.clone().unwrap_or(default);
    let edited = Edited { parent: None, sample: edit.sample, task: edit.work.task.clone() };
    let how = Made::generation(&model, &edit.work.how);
    let made = Made { edit: Some(edited.to_json()), ..how }.after(history);
    let means = match edit.work.task {
        Task::Move(_) => Means::without_model(),
        _ => Means::of(&engine, &model),
    };
    let to = Destination { folder: target.out, formats: target.format, overwrite: target.overwrite };
    let plan = Plan::new(to, made, means)?;
    let bar = progress_bar(edit.work.how.steps);
    let finished = engine.edit_blocking(edit, on_progress(bar.clone()));
    bar.finish_and_clear();
    let finished = finished?;
    deliver(&finished, &plan, target.json, stdout)
}

/// The motion to edit, and what made it where that is known.
fn parent(engine: &Engine, sources: &[PathBuf], sample: usize) -> Result<(Parent, Option<Made>)> {
    if let [folder] = sources
        && folder.is_dir()
    {
        return of_folder(engine, folder, sample);
    }
    let in_file = |path: &PathBuf| {
        Parent::person(&formats::load_person(path)?).map_err(|error| {
            Error::new(error.kind(), error.code(), format!("{}: {error}", path.display())).with_source(error)
        })
    };
    let persons = sources.iter().map(in_file).collect::<Result<Vec<_>>>()?;
    Ok((Parent::of_persons(persons)?, None))
}

/// A sample of a result on disk.
fn of_folder(engine: &Engine, folder: &Path, sample: usize) -> Result<(Parent, Option<Made>)> {
    let nothing = || {
        let message = format!(
            "{} holds no sample {sample} of a result with npy files; see what is there, or give two files",
            folder.display()
        );
        Error::new(ErrorKind::NotFound, "no_result", message)
    };
    let kept = Kept::read(folder).ok_or_else(nothing)?;
    let end = format!("_{sample:02}_0.npy");
    let is_plain = |name: &&str| name.ends_with(&end) && !name.starts_with("ik_");
    let name = kept.files().find(is_plain).ok_or_else(nothing)?.to_owned();
    let read = |name: &str| npy::read_person(&npy::load(&folder.join(name))?);
    let pair = |prefix: &str| -> Result<Motion> {
        let stem = name.strip_suffix("_0.npy").unwrap_or(&name);
        let file = |who: usize| read(&format!("{prefix}{stem}_{who}.npy"));
        Ok(Motion { persons: [file(0)?, file(1)?] })
    };
    let fixed = format!("ik_{name}");
    let foot_fixed = if kept.files().any(|other| other == fixed) { Some(pair("ik_")?) } else { None };
    let motion = pair("")?;
    let frames = motion.frames();
    let persons = motion.persons.iter().chain(foot_fixed.iter().flat_map(|fixed| &fixed.persons));
    if !frames.is_multiple_of(FRAMES_PER_TOKEN)
        || !(MIN_FRAMES..=LONGEST).contains(&frames)
        || persons.into_iter().any(|person| person.frames() != frames)
    {
        let message = format!("{} is not as duet wrote it: its files differ in length", folder.display());
        return Err(Error::corrupt("no_result", message));
    }
    let made = kept.made();
    // A model may have got other weights under its name: then the tokens are no codes of its own, and it encodes the motion.
    let codes = made.as_ref().and_then(|made| engine.codes(&made.model));
    let tokens = codes.filter(|codes| kept.is_by_weights(codes)).and_then(|_| kept.tokens(sample));
    let parent = Parent {
        id: None,
        sample,
        model: made.as_ref().map(|made| made.model.clone()),
        prompt: made.as_ref().map(|made| made.prompt.clone()),
        seed: made.as_ref().map_or(0, |made| made.settings.seed.wrapping_add(sample as u64)),
        rigid: made.as_ref().is_none_or(|made| made.settings.rigid),
        alone: false,
        source: Source { motion, foot_fixed, tokens: None },
    };
    Ok((parent.with_tokens(tokens), made))
}

#[cfg(test)]
mod tests;
