//! The command line: one file a subcommand. Doc comments of the flags are the manual.

mod adherence;
mod config;
pub mod data;
mod device;
mod drawing;
mod edit;
pub mod eval;
mod exit;
mod export;
mod generate;
mod joins;
mod logging;
pub mod models;
mod models_at_hand;
mod probe;
mod put;
mod record;
mod results;
mod say;
mod serve;
mod settings;
pub mod train;
mod vq_at_hand;

use clap::{CommandFactory, Parser, Subcommand};
use logging::{LogArgs, LogLevel};
use std::ffi::OsString;
use std::process::ExitCode;

const EXAMPLES: &str = "\
Examples:
  duet                                    serve the page on http://127.0.0.1:8080
  duet serve --port 0                     the same on any free port
  duet generate \"two people dance salsa\" --seconds 4 --seed 7 --out out/
  duet edit window out/ --from 30 --to 60 --out out2/    make some frames anew
  duet export out/                        GLB and BVH for Blender and game engines

Without a command, duet serves; the flags of `duet serve` may then be given right away: duet --port 9000.
Exit codes: 0 done, 1 failed, 2 asked for something that cannot be.";

/// From a sentence to the 3D motion of two interacting people.
#[derive(Debug, Parser)]
#[command(name = "duet", version, after_help = EXAMPLES, max_term_width = 110)]
struct Cli {
    #[command(flatten)]
    log: LogArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(Box<serve::ServeArgs>),
    Config(config::ConfigArgs),
    Probe(probe::ProbeArgs),
    Generate(generate::GenerateArgs),
    Edit(edit::EditArgs),
    Export(export::ExportArgs),
    Models(models::ModelsArgs),
    Data(data::DataArgs),
    Train(train::TrainArgs),
    Eval(eval::EvalArgs),
}

impl Command {
    /// A server tells what it does; a tool speaks when something is wrong.
    fn default_level(&self) -> LogLevel {
        match self {
            Self::Serve(_) => LogLevel::Info,
            _ => LogLevel::Warn,
        }
    }

    fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Serve(args) => serve::run(*args)?,
            Self::Config(args) => config::run(args)?,
            Self::Probe(args) => probe::run(&args)?,
            Self::Generate(args) => generate::run(args)?,
            Self::Edit(args) => edit::run(args)?,
            Self::Export(args) => export::run(args)?,
            Self::Models(args) => models::run(args)?,
            Self::Data(args) => data::run(args)?,
            Self::Train(args) => train::run(args)?,
            Self::Eval(args) => eval::run(args)?,
        }
        Ok(())
    }
}

/// The whole program: parse, run, tell how it went.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse_from(with_default_command(std::env::args_os().collect())) {
        Ok(cli) => cli,
        Err(error) => return exit::usage(&error),
    };
    let default = cli.command.default_level();
    let (level, format) = match &cli.command {
        Command::Serve(args) => match args.settings.file() {
            Ok(file) => (file.log_level, file.log_format),
            Err(error) => return exit::report(Err(error.into())),
        },
        _ => (None, None),
    };
    #[cfg(feature = "otel")]
    let traces = match &cli.command {
        Command::Serve(_) => crate::server::traces::Traces::from_environment(),
        _ => Ok(None),
    };
    #[cfg(feature = "otel")]
    let (traces, others) = match traces {
        Ok(traces) => {
            let layer = traces.iter().map(crate::server::traces::Traces::layer).collect();
            (traces, layer)
        }
        Err(error) => return exit::report(Err(error.into())),
    };
    #[cfg(not(feature = "otel"))]
    let others = Vec::new();
    cli.log.or(level, format).install(default, others);
    let code = exit::report(cli.command.run());
    // Sends the last of them.
    #[cfg(feature = "otel")]
    drop(traces);
    code
}

/// `duet --port 9000` means `duet serve --port 9000`: `serve` is put in where flags come first and no command is named, or where
/// a flag of `serve` comes before what might be one (`duet --data-dir data`).
fn with_default_command(mut args: Vec<OsString>) -> Vec<OsString> {
    let command = Cli::command();
    let is_known = |arg: &OsString| {
        let names = ["help", "--help", "-h", "--version", "-V"];
        names.iter().any(|name| arg == name) || command.get_subcommands().any(|known| arg == known.get_name())
    };
    let flags: Vec<&str> = command
        .find_subcommand("serve")
        .iter()
        .flat_map(|serve| serve.get_arguments())
        .filter_map(|flag| flag.get_long())
        .collect();
    let is_of_serve = |arg: &OsString| {
        let long = arg.to_str().and_then(|text| text.strip_prefix("--"));
        long.and_then(|text| text.split('=').next()).is_some_and(|name| flags.contains(&name))
    };
    let starts_with_flag = args.get(1).is_none_or(|first| first.as_encoded_bytes().first() == Some(&b'-'));
    let first_known = args.iter().skip(1).position(is_known);
    let may_serve = first_known.is_none_or(|known| args.iter().skip(1).take(known).any(is_of_serve));
    if starts_with_flag && may_serve {
        args.insert(args.len().min(1), "serve".into());
    }
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_of_serve_is_also_a_variable() {
        let command = Cli::command();
        let serve = command.get_subcommands().find(|known| known.get_name() == "serve").unwrap();
        for flag in serve.get_arguments() {
            let variable = format!("DUET_{}", flag.get_id().as_str().to_uppercase());
            assert_eq!(flag.get_env().and_then(|name| name.to_str()), Some(variable.as_str()));
        }
    }

    #[test]
    fn serving_is_the_default() {
        let given = |line: &str| -> Vec<OsString> { line.split(' ').map(Into::into).collect() };
        for (line, expected) in [
            ("duet", "duet serve"),
            ("duet --port 9000", "duet serve --port 9000"),
            ("duet --log-level debug", "duet serve --log-level debug"),
            ("duet --log-level debug generate p", "duet --log-level debug generate p"),
            ("duet generate p", "duet generate p"),
            ("duet --data-dir data", "duet serve --data-dir data"),
            ("duet --model train --port 9000", "duet serve --model train --port 9000"),
            ("duet --log-level debug --config=a data", "duet serve --log-level debug --config=a data"),
            ("duet --port 9000 --help", "duet serve --port 9000 --help"),
            ("duet --log-level debug data --out data", "duet --log-level debug data --out data"),
            ("duet --help", "duet --help"),
            ("duet --help --port", "duet --help --port"),
            ("duet -V", "duet -V"),
            ("duet sevre", "duet sevre"),
        ] {
            assert_eq!(with_default_command(given(line)), given(expected), "{line}");
        }
    }

    #[test]
    fn the_readme_shows_commands_that_can_be_run() {
        let lines = include_str!("../../README.md").lines();
        let ours = |line: &'static str| {
            line.strip_prefix("cargo run --release -- ").or_else(|| line.strip_prefix("duet "))
        };
        let mut seen = 0;
        for line in lines.filter_map(ours) {
            let command = line.split(" #").next().unwrap_or(line);
            // Words, and sentences in quotes.
            let words = command.split('"').enumerate().flat_map(|(place, part)| match place % 2 {
                1 => vec![part],
                _ => part.split_whitespace().collect(),
            });
            let parsed = Cli::try_parse_from(std::iter::once("duet").chain(words));
            assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
            seen += 1;
        }
        assert!(seen > 5, "{seen}");
    }
}
