//! `duet train package`.

use crate::error::{Error, Result};
use crate::package::examples;
use crate::train::pack::{Packing, Remembering, pack};
use crate::train::remember;
use crate::train::run_folder::Which;
use clap::Args;
use std::path::{Path, PathBuf};

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
    /// Run folder of the VQ-VAE instead of the one that the transformer keeps, from which it may differ in its decoder alone
    /// (`duet train vq --decoder-only`)
    #[arg(long, value_name = "RUN")]
    vq: Option<PathBuf>,
    /// Folder of the package, whose last part is the model's name
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Name of the model, where --out is the folder to put it into [default: the last part of --out]
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
    /// How closely to follow the sentence where a request does not say, 0 to 10 [default: 2, upstream's]
    #[arg(long, value_name = "X")]
    guidance: Option<f64>,
    /// Text file with sentences that stand for all it was taught, one a line: prompts unlike any of them are told apart
    #[arg(long, value_name = "FILE")]
    known: Option<PathBuf>,
    /// Run folder of what the model remembers (`duet train memory`)
    #[arg(long, value_name = "RUN")]
    memory: Option<PathBuf>,
    /// Share of a remembered clip's tokens that stay where a request does not say, 0 to 1
    #[arg(long, value_name = "X", requires = "memory", default_value_t = remember::SHARE)]
    share: f64,
    /// Cosine of a prompt to the nearest remembered sentence from which on the memory is used, 0 to 1
    #[arg(long, value_name = "X", requires = "memory", default_value_t = remember::NEAR)]
    near: f64,
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
    let (root, name) = place(&args.out, args.name.as_deref())?;
    let out = root.join(&name);
    let read = |path: &Option<PathBuf>| {
        let text = |path: &PathBuf| std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e));
        path.as_ref().map(text).transpose()
    };
    let known = read(&args.known)?.unwrap_or_default();
    let made = pack(&Packing {
        transformer: args.transformer.clone(),
        vq: args.vq.clone(),
        which: args.checkpoint,
        root,
        title: args.title.clone().unwrap_or_else(|| name.clone()),
        name,
        knows: args.knows.clone(),
        examples: read(&args.examples)?.map_or(Ok(Vec::new()), |text| examples::parse(&text))?,
        guidance: args.guidance,
        memory: args.memory.clone().map(|run| Remembering { run, share: args.share, near: args.near }),
        licence: args.licence.clone(),
        provenance: args.provenance.clone(),
        known: known.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect(),
        card: read(&args.card)?,
        replace: args.replace,
    })?;
    let bytes: u64 = made.manifest().files.iter().map(|(_, file)| file.bytes).sum();
    println!("{}: {:.1} MB", out.display(), bytes as f64 / 1e6);
    Ok(())
}

/// Where packages lie, and the name of the new one. `--out models/salsa`, `--out models --name salsa` and both said at once are
/// the same.
fn place(out: &Path, name: Option<&str>) -> Result<(PathBuf, String)> {
    let last = out.file_name().and_then(|last| last.to_str());
    match (name, last) {
        (Some(name), last) if last != Some(name) => Ok((out.to_owned(), name.to_owned())),
        (_, Some(last)) => Ok((out.parent().map(PathBuf::from).unwrap_or_default(), last.to_owned())),
        (_, None) => {
            Err(Error::invalid("model_name", "--out must end in the model's name, as in models/salsa"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_said_by_the_folder_by_the_flag_or_by_both() {
        let salsa = (PathBuf::from("models"), "salsa".to_owned());
        for (out, name) in
            [("models/salsa", None), ("models/salsa", Some("salsa")), ("models", Some("salsa"))]
        {
            assert_eq!(place(Path::new(out), name).unwrap(), salsa, "{out} {name:?}");
        }
        assert_eq!(place(Path::new(".."), None).unwrap_err().code(), "model_name");
        assert_eq!(place(Path::new(".."), Some("salsa")).unwrap().0, Path::new(".."));
    }
}
