//! `duet train package`.

use crate::error::{Error, Result};
use crate::package::examples;
use crate::train::pack::{Packing, Which, pack};
use clap::Args;
use std::path::PathBuf;

/// Pack a finished training as a model package: weights in half precision, checked and moved into place as a whole.
///
///   duet train package --transformer runs/transformer --out models/salsa --title "Salsa" \
///     --knows "salsa and a handshake" --licence "..." --provenance "..." --card card.md
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct PackageArgs {
    /// Run folder of the transformer; it keeps the VQ-VAE it was trained with
    #[arg(long, value_name = "RUN")]
    transformer: PathBuf,
    /// Run folder of the VQ-VAE: refuse if the transformer was trained with another one
    #[arg(long, value_name = "RUN")]
    vq: Option<PathBuf>,
    /// Folder of the package; its last part is the model's name unless --name is given
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Name of the model; the last part of --out
    #[arg(long)]
    name: Option<String>,
    /// Which checkpoint of the transformer
    #[arg(long, default_value = "latest")]
    checkpoint: Which,
    /// Name for people [default: the name]
    #[arg(long)]
    title: Option<String>,
    /// One line: what the model knows
    #[arg(long)]
    knows: String,
    /// TOML file with prompts that it answers well, offered on the page: `[[examples]]` with `family` (a word for people), `prompt`
    /// and `seconds`
    #[arg(long, value_name = "FILE")]
    examples: Option<PathBuf>,
    /// Text file with sentences that stand for all it was taught, one a line: prompts unlike any of them are told apart
    #[arg(long, value_name = "FILE")]
    known: Option<PathBuf>,
    /// Terms of the weights
    #[arg(long)]
    licence: String,
    /// Where the weights come from: data, acknowledgment
    #[arg(long)]
    provenance: String,
    /// Model card (Markdown), becomes README.md of the package
    #[arg(long, value_name = "FILE")]
    card: Option<PathBuf>,
    /// Replace a package of that name
    #[arg(long)]
    replace: bool,
}

pub fn run(args: &PackageArgs) -> Result<()> {
    let wrong = || Error::invalid("model_name", "--out must end in the model's name, as in models/salsa");
    let last = args.out.file_name().and_then(|name| name.to_str()).ok_or_else(wrong)?;
    let name = args.name.clone().unwrap_or_else(|| last.to_owned());
    if name != last {
        return Err(wrong());
    }
    let read = |path: &Option<PathBuf>| {
        let text = |path: &PathBuf| std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e));
        path.as_ref().map(text).transpose()
    };
    let known = read(&args.known)?.unwrap_or_default();
    let made = pack(&Packing {
        transformer: args.transformer.clone(),
        vq: args.vq.clone(),
        which: args.checkpoint,
        root: args.out.parent().map(PathBuf::from).unwrap_or_default(),
        title: args.title.clone().unwrap_or_else(|| name.clone()),
        name,
        knows: args.knows.clone(),
        examples: read(&args.examples)?.map_or(Ok(Vec::new()), |text| examples::parse(&text))?,
        licence: args.licence.clone(),
        provenance: args.provenance.clone(),
        known: known.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect(),
        card: read(&args.card)?,
        replace: args.replace,
    })?;
    let bytes: u64 = made.manifest().files.iter().map(|(_, file)| file.bytes).sum();
    println!("{}: {:.1} MB", args.out.display(), bytes as f64 / 1e6);
    Ok(())
}
