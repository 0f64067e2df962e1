//! `duet config`: what the server would be set to, and new API keys.

use super::settings::SettingsArgs;
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
    /// Exits with 2 where `duet serve` would refuse. The output is a settings file again, without the digests of keys.
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
/// Those of [`SettingsArgs::resolve`] and of writing to stdout.
pub fn run(args: ConfigArgs) -> anyhow::Result<()> {
    match args.command {
        ConfigCommand::Check(settings) => check(&settings),
        ConfigCommand::Key { name } => key(&name),
    }
}

fn check(args: &SettingsArgs) -> anyhow::Result<()> {
    let (settings, lines) = args.resolve()?;
    Keyring::new(&settings.keys)?;
    let mut out = std::io::stdout().lock();
    for line in lines {
        let (mark, value) = match (line.name, &line.value) {
            ("keys", Some(value)) => ("# ", value.as_str()),
            (_, Some(value)) => ("", value.as_str()),
            (_, None) => ("# ", "(not set)"),
        };
        writeln!(out, "{:<44} # {}", format!("{mark}{} = {value}", line.name), line.origin)?;
    }
    match &settings.data {
        Some(data) => writeln!(out, "# results and jobs outlive the server in {}", data.folder.display())?,
        None => writeln!(out, "# results and jobs live in memory only")?,
    }
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
