//! The settings of the server: from flags, variables and a file to one validated [`Settings`], each value with its origin.

mod raw;
mod resolve;

pub use raw::{RawKey, RawSettings};
#[cfg(test)]
use resolve::Origin;
pub use resolve::{Data, Settings};

use crate::cli::logging::{LogFormat, LogLevel};
use crate::error::Result;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use std::path::PathBuf;

const CONFIG: &str = "config";

/// The flags of `duet serve`, and which of them were variables in truth.
#[derive(Clone, Debug, Default)]
pub struct SettingsArgs {
    config: Option<PathBuf>,
    given: RawSettings,
    from_environment: Vec<String>,
}

impl SettingsArgs {
    /// What the file holds, if one is named.
    ///
    /// # Errors
    /// Those of [`RawSettings::read`].
    pub fn file(&self) -> Result<RawSettings> {
        self.config.as_deref().map_or_else(|| Ok(RawSettings::default()), RawSettings::read)
    }

    /// Flag over variable over file over default, everything in range.
    ///
    /// # Errors
    /// `invalid_setting`, `invalid_key`, and those of [`RawSettings::read`].
    pub fn resolve(&self) -> Result<(Settings, Vec<resolve::Line>)> {
        resolve::resolve(self, &self.file()?)
    }
}

// By hand, because what clap derives does not tell whether a value came from a flag or a variable.
impl Args for SettingsArgs {
    fn augment_args(command: Command) -> Command {
        let config = Arg::new(CONFIG)
            .long(CONFIG)
            .env("DUET_CONFIG")
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help("Settings as TOML: the names of these flags with _ for -, and [[keys]]. Flags and variables go before it");
        RawSettings::augment_args(command.arg(config))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SettingsArgs {
    fn from_arg_matches(matches: &ArgMatches) -> std::result::Result<Self, clap::Error> {
        let is_variable = |id: &str| matches.value_source(id) == Some(ValueSource::EnvVariable);
        // The log's flags are those of every command, not ours: what they say is here all the same, for the account.
        let given = RawSettings {
            log_level: matches.try_get_one::<LogLevel>("log_level").ok().flatten().copied(),
            log_format: matches.try_get_one::<LogFormat>("log_format").ok().flatten().copied(),
            ..RawSettings::from_arg_matches(matches)?
        };
        Ok(Self {
            config: matches.get_one::<PathBuf>(CONFIG).cloned(),
            given,
            from_environment: matches
                .ids()
                .map(|id| id.as_str())
                .filter(|id| is_variable(id))
                .map(str::to_owned)
                .collect(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> std::result::Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
