//! `duet generate`: one sentence, files in a folder.

use super::device::ComputeArgs;
use super::drawing::DrawingArgs;
use super::models_at_hand::ModelsAtHand;
use super::record::{Made, Means};
use super::results::{Destination, Plan};
use crate::engine::{Engine, Finished, Limits, OnProgress, RawRequest, ResultFile, answer};
use crate::formats::Format;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{self, Write};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  duet generate \"two people dance salsa\"
  duet generate \"two people dance salsa\" --seconds 4 --seed 7 --out out/
  duet generate \"they shake hands\" --samples 8 --json > motion.json

Files, for each sample (SS counts from 00) of the first and of the second person:
  infer_MODEL_tsSTEPS_csGUIDANCE_topkrRATIO_00_SS_0.npy   ..._1.npy    as the model gave it
  ik_infer_..._0.npy                                      ik_..._1.npy with the foot fix
  settings.json                                           what to ask for to get the same again
With --format, instead of npy unless it is named, too, of the motion with the foot fix where there is one:
  infer_..._SS_motion.glb       both people with bodies, for Blender, game engines and the web
  infer_..._SS_person1.bvh      a skeleton a person, for animation tools       ..._person2.bvh
  infer_..._SS_motion.npz       arrays for NumPy with the prompt, seed and settings
  infer_..._SS_person1.amass.npz  a person's rotations as AMASS has them  ..._person2.amass.npz
  infer_..._SS_motion.gif       a film from two sides, with the prompt
  infer_..._SS_motion.mp4       the same as a video, in programs built with it
  infer_..._SS_sheet.png        a contact sheet
`duet export` makes the same files later, and knows other units, frame rates and cameras.
Each npy file is (frames, 22, 9) float64: position in metres (y up), then the joint's 6D rotation.
The same prompt, settings, seed and model give the same bytes on the same kind of machine.";

/// Generate motion from a sentence and write it as files.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct GenerateArgs {
    /// What the two people do, in a sentence (1 to 1000 characters)
    prompt: String,
    /// Length in seconds, 0.54 to 10 [default: 3]
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    seconds: Option<f64>,
    /// Length in frames instead, 16 to 300 at 30 a second, rounded down to a multiple of 4
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    frames: Option<i128>,
    #[command(flatten)]
    drawing: DrawingArgs,
    /// Share of the tokens that stay of the remembered clip that the sentence is most like, 0 to 1; 0 draws everything [default: the model's]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    memory: Option<f64>,
    /// Leave the feet as the model puts them
    #[arg(long)]
    no_foot_fix: bool,
    /// Leave every joint where the model puts it, as upstream does: bones then grow and shrink within a clip
    #[arg(long)]
    no_rigid: bool,
    #[command(flatten)]
    compute: ComputeArgs,
    /// Model to use: a name, or the folder of a package [default: duet-mini, else the first at hand]
    #[arg(long, env = "DUET_MODEL", value_name = "NAME")]
    model: Option<String>,
    /// Folder to write to; made if it is not there
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
    /// Formats, with commas between them: npy, npz, amass, bvh, glb, gif, png, and mp4 where it was built in
    #[arg(long, value_name = "FORMATS", value_delimiter = ',', default_value = "npy")]
    format: Vec<Format>,
    /// Write even if the folder holds another result, which is thereby lost
    #[arg(long)]
    overwrite: bool,
    /// Also print the result on stdout as JSON, as `POST /generate` answers it
    #[arg(long)]
    json: bool,
}

/// Generate and write.
///
/// # Errors
/// Those of the request's rules, of the engine, and of the disk.
pub fn run(args: GenerateArgs) -> anyhow::Result<()> {
    args.compute.apply()?;
    let args = Asked::from(args);
    // A mistake in the request is told before anything slow is done.
    args.request.clone().validate()?;
    let models = ModelsAtHand::find(args.model.as_deref())?;
    generate(args, models, &mut io::stdout().lock())
}

/// The flags, sorted: what to generate, and what to do with it.
struct Asked {
    request: RawRequest,
    model: Option<String>,
    to: Destination,
    json: bool,
}

impl From<GenerateArgs> for Asked {
    fn from(args: GenerateArgs) -> Self {
        Self {
            request: RawRequest {
                prompt: Some(args.prompt),
                seconds: args.seconds,
                frames: args.frames,
                memory: args.memory,
                foot_fix: Some(!args.no_foot_fix),
                rigid: Some(!args.no_rigid),
                // The model may be a path, which is no business of the request's.
                ..args.drawing.into()
            },
            model: args.model,
            to: Destination { folder: args.out, formats: args.format, overwrite: args.overwrite },
            json: args.json,
        }
    }
}

fn generate(asked: Asked, at_hand: ModelsAtHand, stdout: &mut dyn Write) -> anyhow::Result<()> {
    let ModelsAtHand { models, default } = at_hand;
    let engine = Engine::start(models, Some(&default), Limits::default())?;
    let request = engine.filled(asked.request).validate()?;
    let made = Made::generation(&default, &request.work);
    let plan = Plan::new(asked.to, made, Means::of(&engine, &default))?;
    engine.load(None)?;
    let bar = progress_bar(request.work.steps);
    let finished = engine.generate_blocking(request, on_progress(bar.clone()));
    bar.finish_and_clear();
    let finished = finished?;
    deliver(&finished, &plan, asked.json, stdout)
}

/// Write a result, and tell of it in words or as JSON.
///
/// # Errors
/// Those of [`Plan::write`] and of stdout.
pub fn deliver(finished: &Finished, plan: &Plan, json: bool, stdout: &mut dyn Write) -> anyhow::Result<()> {
    if finished.generated.prompt_truncated {
        tracing::warn!("the prompt is longer than the model reads; its end had no effect");
    }
    if let Some(unknown) = finished.generated.familiarity.as_ref().filter(|familiarity| !familiarity.near) {
        tracing::warn!(
            "{} was taught nothing like this; this is its best try (nearest: \"{}\")",
            finished.model,
            unknown.nearest
        );
    }
    let written = plan.write(finished)?;
    if json {
        let bytes = answer::json(finished, &|sample| {
            ResultFile::of_sample(sample)
                .filter(|&file| plan.has(file))
                .map(|file| {
                    let name = plan.file_name(file);
                    let path = plan.folder().join(&name).display().to_string();
                    (name, path)
                })
                .collect()
        })?;
        stdout.write_all(&bytes)?;
        writeln!(stdout)?;
    } else {
        tell(finished, &written, stdout)?;
    }
    stdout.flush()?;
    Ok(())
}

fn tell(finished: &Finished, written: &[PathBuf], stdout: &mut dyn Write) -> io::Result<()> {
    let request = &finished.request;
    let seconds = answer::seconds(request.frames);
    writeln!(
        stdout,
        "{}: {} frames ({seconds} s), seed {}, model {}, {:.1} s of work",
        request.prompt,
        request.frames,
        request.seed,
        finished.model,
        finished.total.as_secs_f64()
    )?;
    written.iter().try_for_each(|path| writeln!(stdout, "wrote {}", path.display()))
}

/// Steps done; hidden where stderr is no terminal.
pub fn progress_bar(steps: usize) -> ProgressBar {
    let bar = ProgressBar::new(steps as u64);
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} step {pos} of {len}, {eta} left") {
        bar.set_style(style);
    }
    bar.set_message("generating");
    bar
}

/// Moves the bar.
pub fn on_progress(bar: ProgressBar) -> OnProgress {
    Box::new(move |done, total| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fake::Control;
    use crate::error::Error;
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::sync::Arc;

    fn asked(prompt: &str, out: &Path) -> Asked {
        let request = RawRequest {
            prompt: Some(prompt.into()),
            frames: Some(16),
            seed: Some(7),
            samples: Some(2),
            ..RawRequest::default()
        };
        let to = Destination { folder: out.to_owned(), formats: vec![Format::Npy], overwrite: false };
        Asked { request, model: None, to, json: false }
    }

    fn run(asked: Asked) -> (anyhow::Result<()>, String) {
        run_with(asked, "ab")
    }

    /// With a model of these weights.
    fn run_with(asked: Asked, sha256: &str) -> (anyhow::Result<()>, String) {
        let mut model = Arc::new(Control::default()).spec("fake");
        model.files[0].sha256 = sha256.to_owned();
        let mut stdout = Vec::new();
        let at_hand = ModelsAtHand { models: vec![model], default: "fake".into() };
        let result = generate(asked, at_hand, &mut stdout);
        (result, String::from_utf8(stdout).unwrap())
    }

    fn code(result: anyhow::Result<()>) -> &'static str {
        result.unwrap_err().downcast_ref::<Error>().unwrap().code()
    }

    fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
        std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap())
            })
            .collect()
    }

    #[test]
    fn files_are_named_as_intermask_names_them_and_repeat() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("a/b");
        let (result, told) = run(asked("two people walk", &out));
        result.unwrap();
        let first = contents(&out);
        let names: Vec<_> = first.keys().map(String::as_str).collect();
        let base = "infer_fake_ts20_cs2_topkr0.9_00";
        let mut expected: Vec<_> = ["00_0", "00_1", "01_0", "01_1"]
            .iter()
            .flat_map(|end| [format!("{base}_{end}.npy"), format!("ik_{base}_{end}.npy")])
            .collect();
        expected.push("settings.json".into());
        expected.sort();
        assert_eq!(names, expected);
        assert!(told.contains("seed 7") && names.iter().all(|name| told.contains(name)), "{told}");
        run(asked("two people walk", &out)).0.unwrap();
        assert_eq!(contents(&out), first, "the same request writes the same bytes");
    }

    #[test]
    fn another_result_is_not_lost_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path();
        run(asked("two people walk", out)).0.unwrap();
        let first = contents(out);
        assert_eq!(code(run(asked("two people run", out)).0), "result_exists");
        assert_eq!(contents(out), first);
        let mut one = asked("two people run", out);
        one.request.samples = Some(1);
        one.to.overwrite = true;
        run(one).0.unwrap();
        assert_eq!(contents(out).len(), 5, "files of the result that was overwritten are gone");

        // A model of the same name, taught further.
        let mut same = asked("two people run", out);
        same.request.samples = Some(1);
        let kept = contents(out);
        assert_eq!(code(run_with(same, "cd").0), "result_exists");
        assert_eq!(contents(out), kept);

        let strange = tempfile::tempdir().unwrap();
        std::fs::write(strange.path().join("infer_fake_ts20_cs2_topkr0.9_00_00_0.npy"), "mine").unwrap();
        assert_eq!(code(run(asked("two people walk", strange.path())).0), "result_exists");
        std::fs::write(strange.path().join("settings.json"), "{\"files\": [\"../other.npy\"]}").unwrap();
        assert_eq!(code(run(asked("two people walk", strange.path())).0), "result_exists");
    }

    #[test]
    fn other_formats_join_the_same_result() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path();
        run(asked("two people walk", out)).0.unwrap();
        let mut more = asked("two people walk", out);
        more.to.formats = vec![Format::Bvh, Format::Glb];
        more.json = true;
        let (result, told) = run(more);
        result.unwrap();
        let value: serde_json::Value = serde_json::from_str(&told).unwrap();
        assert_eq!(value["samples"][0]["files"].as_object().unwrap().len(), 3, "{told}");
        let all = contents(out);
        assert_eq!(all.len(), 8 + 6 + 1);
        let settings: serde_json::Value = serde_json::from_slice(&all["settings.json"]).unwrap();
        assert_eq!(settings["files"].as_array().unwrap().len(), 14);
        let mut other = asked("two people run", out);
        other.to.overwrite = true;
        run(other).0.unwrap();
        assert_eq!(contents(out).len(), 9, "files of all formats left with the older result");
    }

    #[test]
    fn a_failure_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("new");
        assert_eq!(code(run(asked("fail", &out)).0), "model_failure");
        assert!(!out.exists());
        // A folder is in the way of the last file.
        std::fs::create_dir_all(out.join("settings.json")).unwrap();
        assert!(run(asked("two people walk", &out)).0.is_err());
        assert_eq!(std::fs::read_dir(&out).unwrap().count(), 1);
        // A file is where the folder should be.
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(run(asked("two people walk", &file)).0.is_err());
    }

    #[test]
    fn json_is_the_servers_answer() {
        let folder = tempfile::tempdir().unwrap();
        let (result, told) = run(Asked { json: true, ..asked("two people walk", folder.path()) });
        result.unwrap();
        let value: serde_json::Value = serde_json::from_str(&told).unwrap();
        assert_eq!((&value["settings"]["seed"], &value["frames"]), (&7.into(), &16.into()));
        for path in value["samples"][1]["files"].as_object().unwrap().values() {
            assert!(Path::new(path.as_str().unwrap()).is_file());
        }
    }

    #[test]
    fn settings_bring_the_result_back() {
        let folder = tempfile::tempdir().unwrap();
        run(asked("two people walk", folder.path())).0.unwrap();
        let text = std::fs::read_to_string(folder.path().join("settings.json")).unwrap();
        let mut settings: serde_json::Value = serde_json::from_str(&text).unwrap();
        let request = settings.as_object_mut().unwrap().remove("request").unwrap();
        let raw = RawRequest::from_json(request.to_string().as_bytes()).unwrap();
        let again = raw.validate().unwrap();
        assert_eq!(again.model.as_deref(), Some("fake"));
        assert_eq!(again.work, asked("two people walk", folder.path()).request.validate().unwrap().work);
    }
}
