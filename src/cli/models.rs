//! `duet models`: list, show, import, fetch and check model packages.

use crate::package::find::Found;
use crate::package::import::{About, ImportOptions, Imported, describe_unknown, import};
use crate::package::manifest::{MANIFEST, Manifest};
use crate::package::pull::{Event, Hub, Request, pull};
use crate::package::{DEFAULT_MODEL, Package, SearchPath};
use anyhow::Result;
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;

/// List, show, import, fetch and check models.
///
/// A model is a folder: a readable model.toml (what it knows, its terms, its dimensions, the SHA-256 of each file) and its
/// weights as safetensors.
#[derive(Debug, Args)]
#[command(after_long_help = PLACES_HELP)]
pub struct ModelsArgs {
    #[command(subcommand)]
    command: ModelsCommand,
}

const PLACES_HELP: &str = "\
Where models are looked for; the first of a name wins:
  1. the folders of DUET_MODELS (separated as in PATH)
  2. models/ beside the program
  3. models/ of the repository, when run from one
  4. models/ in the user's data folder (on Linux ~/.local/share/duet/models)
  5. the model that the program carries, if it was built with one

import and pull write into the first folder of DUET_MODELS, else the user's data folder;
--into names another. Nothing is written half: a model appears when it is complete and checked.";

#[derive(Debug, Subcommand)]
enum ModelsCommand {
    /// List the models that are here.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show what a model says about itself.
    Info {
        /// Name of a model, or a path to its folder (with a slash in it).
        #[arg(default_value = DEFAULT_MODEL)]
        model: String,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Convert weights in another layout to a model.
    ///
    /// Reads the official InterMask folders ({vq_default,trans_default}/{opt.txt,model/*.tar} and the two statistics files;
    /// the folder itself, its `checkpoints` or the repository around them), the safetensors layout of
    /// ZeyuLing/motius-intermask-interhuman, and models as this program writes them. Checkpoints are read as data: nothing
    /// in them is executed.
    #[command(after_long_help = IMPORT_HELP)]
    Import(ImportArgs),
    /// Fetch published weights from a hub and import them.
    ///
    /// Continues where an interrupted download stopped, checks the SHA-256 that the hub states, and adds CLIP's text
    /// encoder when the weights come without. Known by name: interhuman (about 0.4 GB, and 1.7 GB for CLIP).
    #[command(after_long_help = PULL_HELP)]
    Pull(PullArgs),
    /// Read every byte of a model and check digests, shapes and numbers.
    Verify {
        /// Name of a model, or a path to its folder (with a slash in it).
        #[arg(default_value = DEFAULT_MODEL)]
        model: String,
    },
}

const IMPORT_HELP: &str = "\
Examples:
  duet models import InterMask/ --name mine --clip clip-vit-large-patch14-336/model.safetensors
  duet models import motius-intermask-interhuman/ --name interhuman
  duet models import /media/stick/duet-mini --name duet-mini";

const PULL_HELP: &str = "\
Examples:
  duet models pull interhuman
  HF_HUB_OFFLINE=1 duet models pull interhuman      from the cache, without a network
  duet models pull --repo me/my-intermask --name mine

The usual variables hold:
  HF_ENDPOINT               another hub or a mirror
  HF_TOKEN                  for private repositories
  HF_HOME, HF_HUB_CACHE     where files are kept
  HF_HUB_OFFLINE=1          take everything from there";

#[derive(Debug, Args)]
struct ImportArgs {
    /// Folder with the weights.
    source: PathBuf,
    /// Name of the model: a-z, 0-9, dot, dash, underscore.
    #[arg(long)]
    name: String,
    /// Which checkpoint of the official layout, without ending [default: best_fid].
    #[arg(long, value_name = "NAME")]
    checkpoint: Option<String>,
    /// Folder with global_mean.npy and global_std.npy, if they do not lie beside the weights.
    #[arg(long, value_name = "DIR")]
    stats: Option<PathBuf>,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Debug, Args)]
struct PullArgs {
    /// Name of a published model.
    #[arg(required_unless_present = "repo")]
    model: Option<String>,
    /// Another repository in the same layout, OWNER/NAME.
    #[arg(long, value_name = "OWNER/NAME")]
    repo: Option<String>,
    /// Branch, tag or commit.
    #[arg(long, default_value = "main")]
    revision: String,
    /// Where CLIP's text encoder comes from, if the weights have none.
    #[arg(long, value_name = "OWNER/NAME", default_value = crate::package::pull::CLIP_REPO)]
    clip_repo: String,
    /// Branch, tag or commit of --clip-repo.
    #[arg(long, value_name = "REVISION", default_value = "main")]
    clip_revision: String,
    /// Name of the model here [default: the published name, or that of the repository in lower case].
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Debug, Args)]
struct CommonArgs {
    /// CLIP text encoder (safetensors, names of OpenAI, InterMask or Hugging Face); wins over the source's own.
    #[arg(long, value_name = "FILE")]
    clip: Option<PathBuf>,
    /// Heads of the text encoder [default: width / 64].
    #[arg(long, value_name = "N")]
    text_heads: Option<usize>,
    /// Heads of the trained layers above it [default: 8].
    #[arg(long, value_name = "N")]
    text_head_heads: Option<usize>,
    /// Folder of models to write into.
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
    /// Let another model of that name give way.
    #[arg(long)]
    replace: bool,
    /// Title for people.
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// What the model knows, one line.
    #[arg(long, value_name = "TEXT")]
    knows: Option<String>,
    /// Terms of the weights.
    #[arg(long, value_name = "TEXT")]
    licence: Option<String>,
    /// Where the weights come from.
    #[arg(long, value_name = "TEXT")]
    provenance: Option<String>,
}

impl CommonArgs {
    fn options(&self) -> ImportOptions {
        ImportOptions {
            clip: self.clip.clone(),
            text_heads: self.text_heads,
            text_head_heads: self.text_head_heads,
            statistics: None,
            checkpoint: None,
            about: About {
                title: self.title.clone(),
                knows: self.knows.clone(),
                licence: self.licence.clone(),
                provenance: self.provenance.clone(),
            },
            replace: self.replace,
        }
    }

    fn root(&self, places: &SearchPath) -> crate::Result<PathBuf> {
        self.into.clone().map_or_else(|| places.install_root(), Ok)
    }
}

/// Run `duet models`.
pub fn run(args: ModelsArgs) -> Result<()> {
    let places = SearchPath::from_env();
    match args.command {
        ModelsCommand::List { json } => list(&places, json),
        ModelsCommand::Info { model, json } => info(&places.by_name_or_path(&model)?, json),
        ModelsCommand::Import(args) => run_import(&args, &places),
        ModelsCommand::Pull(args) => run_pull(&args, &places),
        ModelsCommand::Verify { model } => verify(&places.by_name_or_path(&model)?),
    }
}

fn list(places: &SearchPath, as_json: bool) -> Result<()> {
    let found = places.list();
    if as_json {
        let entry = |found: &Found| {
            let manifest = found.package.as_ref().ok().map(Package::manifest);
            json!({
                "name": found.name,
                "title": manifest.map(|m| &m.title),
                "knows": manifest.map(|m| &m.knows),
                "kind": manifest.map(|m| m.kind),
                "bytes": manifest.map(bytes),
                "origin": found.origin.to_string(),
                "path": found.dir,
                "shadowed": found.shadowed,
                "error": found.package.as_ref().err().map(|e| json!({ "code": e.code(), "message": e.to_string() })),
            })
        };
        println!("{}", serde_json::to_string_pretty(&found.iter().map(entry).collect::<Vec<_>>())?);
        return Ok(());
    }
    if found.is_empty() {
        println!(
            "No model is here. `duet models pull interhuman` fetches one; `duet models --help` says where models go."
        );
    }
    for found in &found {
        let mark = if found.shadowed { " (shadowed by the one above)" } else { "" };
        match &found.package {
            Ok(package) => {
                let m = package.manifest();
                println!("{:<20} {:>9}  {}{mark}", found.name, size(bytes(m)), m.title);
                println!("{:<20} {:>9}  {}", "", "", m.knows);
            }
            Err(error) => println!("{:<20} {:>9}  cannot be used: {error}{mark}", found.name, ""),
        }
        let place = found
            .dir
            .as_ref()
            .map_or_else(|| "inside the program".to_owned(), |dir| dir.display().to_string());
        println!("{:<20} {:>9}  {place}", "", "");
    }
    Ok(())
}

fn info(package: &Package, as_json: bool) -> Result<()> {
    let manifest = package.manifest();
    if as_json {
        let mut value = serde_json::to_value(manifest)?;
        value["path"] = json!(package.dir());
        println!("{}", serde_json::to_string_pretty(&value)?);
        return Ok(());
    }
    let (vq, t, text) = (&manifest.vq, &manifest.transformer, &manifest.text);
    let place =
        package.dir().map_or_else(|| "inside the program".to_owned(), |dir| dir.display().to_string());
    println!("{} ({}, {})", manifest.title, manifest.name, manifest.kind);
    for (label, value) in [
        ("knows", manifest.knows.clone()),
        ("licence", manifest.licence.clone()),
        ("provenance", manifest.provenance.clone()),
        ("place", place),
        ("motion", format!("{} frames a second", manifest.fps)),
        ("vq", format!("width {}, {} codes of {}, depth {}", vq.width, vq.codes, vq.code_dim, vq.depth)),
        (
            "transformer",
            format!(
                "width {}, {} layers of {} heads, text head of {} layers",
                t.latent_dim, t.layers, t.heads, t.text_head.layers
            ),
        ),
        (
            "text",
            format!(
                "width {}, {} layers of {} heads, {} words",
                text.width, text.layers, text.heads, text.vocab
            ),
        ),
    ] {
        println!("  {label:<12} {value}");
    }
    for (_, entry) in manifest.files.iter() {
        println!("  {:<24} {:>9}  {}", entry.path, size(entry.bytes), entry.sha256);
    }
    Ok(())
}

fn verify(package: &Package) -> Result<()> {
    package.verify(|part, entry| eprintln!("checking {part} ({}, {})", entry.path, size(entry.bytes)))?;
    println!("{} is whole: sizes, SHA-256, shapes and numbers are right", package.manifest().name);
    Ok(())
}

fn run_import(args: &ImportArgs, places: &SearchPath) -> Result<()> {
    let options = ImportOptions {
        statistics: args.stats.clone(),
        checkpoint: args.checkpoint.clone(),
        ..args.common.options()
    };
    let spinner = ProgressBar::new_spinner();
    spinner.enable_steady_tick(Duration::from_millis(120));
    let done = import(&args.source, &args.common.root(places)?, &args.name, &options, &mut |step| {
        spinner.set_message(step.to_owned());
    });
    spinner.finish_and_clear();
    report(&done?);
    Ok(())
}

fn run_pull(args: &PullArgs, places: &SearchPath) -> Result<()> {
    let mut request = match (&args.repo, args.model.as_deref()) {
        (Some(repo), Some(name)) => Request::from_repo(repo, name),
        (Some(repo), None) => {
            Request::from_repo(repo, &repo.rsplit('/').next().unwrap_or_default().to_ascii_lowercase())
        }
        (None, name) => Request::known(name.unwrap_or_default())?,
    };
    request.revision.clone_from(&args.revision);
    request.clip_repo.clone_from(&args.clip_repo);
    request.clip_revision.clone_from(&args.clip_revision);
    if let Some(name) = &args.name {
        request.name.clone_from(name);
    }
    let bar = ProgressBar::no_length().with_style(
        ProgressStyle::with_template("{msg}\n  {bar:30} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let shown = bar.clone();
    let done = pull(
        &Hub::from_env(),
        &request,
        &args.common.root(places)?,
        &args.common.options(),
        &mut move |event| {
            match event {
                // Lines also reach logs and pipes, where there is no bar.
                Event::Note(text) => shown.suspend(|| eprintln!("{text}")),
                Event::Start { file, bytes, have } => {
                    let from = if have > 0 { format!(", going on at {}", size(have)) } else { String::new() };
                    shown.suspend(|| eprintln!("fetching {file} ({}{from})", size(bytes)));
                    shown.set_length(bytes);
                    shown.set_position(have);
                    shown.reset_eta();
                    shown.set_message(file.to_owned());
                }
                Event::Bytes { have } => shown.set_position(have),
                Event::Done { .. } => {}
                Event::Cached { file } => shown.suspend(|| eprintln!("{file} is in the cache")),
            }
        },
    );
    bar.finish_and_clear();
    report(&done?);
    Ok(())
}

fn report(imported: &Imported) {
    if let Some(unknown) = describe_unknown(&imported.unknown) {
        eprintln!("left out, because this kind of model does not have it: {unknown}");
    }
    let manifest = imported.package.manifest();
    let place = imported.package.dir().map(|dir| dir.display().to_string()).unwrap_or_default();
    println!("{} ({}) is at {place}", manifest.name, size(bytes(manifest)));
    println!("Use it with --model {}; its terms are in {MANIFEST}: {}", manifest.name, manifest.licence);
}

fn bytes(manifest: &Manifest) -> u64 {
    manifest.files.iter().map(|(_, entry)| entry.bytes).sum()
}

fn size(bytes: u64) -> String {
    indicatif::DecimalBytes(bytes).to_string()
}
