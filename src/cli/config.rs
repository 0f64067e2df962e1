//! `duet config`: what the server would be set to, and new API keys.

use super::models_at_hand::ModelsAtHand;
use super::settings::{Data, Settings, SettingsArgs};
use crate::engine::Keeping;
use crate::error::Result;
use crate::nn::precision;
use crate::package::SearchPath;
use crate::server::listening::bind;
use crate::server::{Keyring, draw_key};
use clap::{Args, Subcommand};
use std::io::Write;

/// Check the settings of the server; make API keys
#[derive(Debug, Args)]
pub struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Say what `duet serve` would be set to with the same flags, variables and file, and where each value comes from
    ///
    /// Where `duet serve` would refuse to start on this machine, this says why and exits as it would: with 2 for settings that cannot
    /// be, with 1 for a model that is not here. Only the port is not tried, for a server may be using it. A data folder that could not
    /// be used (or is in use, by the very server that these are the settings of) is a warning, for the server would start all the same.
    /// The output is a settings file again, without the digests of keys.
    Check(Box<SettingsArgs>),
    /// Draw an API key: shown once, to be given to its holder; the settings file gets the digest only
    ///
    /// The key goes to stdout, what belongs into the settings file to stderr.
    Key {
        /// Name of its holder, for the log
        name: String,
    },
}

/// Check or draw.
///
/// # Errors
/// Those of [`SettingsArgs::resolve`], of what the settings name, and of writing to stdout.
pub fn run(args: ConfigArgs) -> anyhow::Result<()> {
    match args.command {
        ConfigCommand::Check(settings) => check(&settings),
        ConfigCommand::Key { name } => key(&name),
    }
}

fn check(args: &SettingsArgs) -> anyhow::Result<()> {
    let (settings, lines) = args.resolve()?;
    try_out(&settings)?;
    let mut out = std::io::stdout().lock();
    for line in lines {
        let (mark, value) = match (line.name, &line.value) {
            ("keys", Some(value)) => ("# ", value.as_str()),
            (_, Some(value)) => ("", value.as_str()),
            (_, None) => ("# ", "(not set)"),
        };
        writeln!(out, "{:<44} # {}", format!("{mark}{} = {value}", line.name), line.origin)?;
    }
    writeln!(out, "{}", keeping(settings.data.as_ref())?)?;
    for key in &settings.keys {
        let shown = |limit: Option<std::num::NonZeroU32>| {
            limit.map_or_else(|| "no limit".to_owned(), |limit| limit.to_string())
        };
        let (per_minute, concurrent) = key.limits();
        writeln!(
            out,
            "# key {}: {} a minute, {} at a time",
            key.name(),
            shown(per_minute),
            shown(concurrent)
        )?;
    }
    Ok(())
}

/// Where results would be. A folder that cannot be used gets a warning on stderr, too.
fn keeping(data: Option<&Data>) -> anyhow::Result<String> {
    let Some(Data { folder, .. }) = data else {
        return Ok("# results and jobs live in memory only".to_owned());
    };
    let Err(error) = Keeping::try_out(folder) else {
        return Ok(format!("# results and jobs outlive the server in {}", folder.display()));
    };
    writeln!(
        std::io::stderr(),
        "warning: results and jobs would live in memory only, not in {}: {error}\n\
         Make that folder one that this user can write to, name another with --data-dir, or say --no-data if memory is what is meant.",
        folder.display()
    )?;
    Ok(format!("# results and jobs would live in memory only: {} cannot be used", folder.display()))
}

/// What `duet serve` would find out only on its way.
fn try_out(settings: &Settings) -> Result<()> {
    precision::set(settings.precision)?;
    // On any free port: the one that is set may be in use, by the very server that these are the settings of.
    bind(&settings.host, 0)?;
    ModelsAtHand::find_in(&SearchPath::with_folders(settings.models.clone()), settings.model.as_deref())?;
    Keyring::new(&settings.keys)?;
    Ok(())
}

fn key(name: &str) -> anyhow::Result<()> {
    let (secret, sha256) = draw_key()?;
    // Checked before anything is shown: a key that cannot be put into the file is of no use.
    crate::server::Key::new(name, &sha256, None, None)?;
    writeln!(std::io::stdout(), "{secret}")?;
    writeln!(
        std::io::stderr(),
        "# Put this into the settings file (duet serve --config FILE):\n[[keys]]\nname = \"{name}\"\n\
         sha256 = \"{sha256}\"\n# per_minute = 60   # generations started in a minute\n\
         # concurrent = 4    # waiting or running at a time"
    )?;
    Ok(())
}
