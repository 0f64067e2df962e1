//! The log: to stderr, as text or as one JSON object a line.

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use std::io::IsTerminal;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

/// What is told of what happens, to whomever.
pub type Teller = Box<dyn Layer<Registry> + Send + Sync>;

#[derive(Debug, Args)]
#[command(next_help_heading = "Log")]
pub struct LogArgs {
    /// How much to tell on stderr [default: info when serving, else warn]
    #[arg(long, global = true, value_name = "LEVEL", env = "DUET_LOG_LEVEL")]
    log_level: Option<LogLevel>,
    /// Lines for people, or JSON objects for programs [default: text]
    #[arg(long, global = true, value_name = "FORMAT", env = "DUET_LOG_FORMAT")]
    log_format: Option<LogFormat>,
}

#[derive(Clone, Copy, Debug, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

#[derive(Clone, Copy, Debug, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum LogFormat {
    Text,
    Json,
}

impl LogArgs {
    /// What flags and variables leave open is taken from the settings file.
    #[must_use]
    pub fn or(self, level: Option<LogLevel>, format: Option<LogFormat>) -> Self {
        Self { log_level: self.log_level.or(level), log_format: self.log_format.or(format) }
    }

    /// Start logging, beside `others`; from here on panics are logged too.
    pub fn install(&self, default: LogLevel, others: Vec<Teller>) {
        let level: LevelFilter = match self.log_level.unwrap_or(default) {
            LogLevel::Error => LevelFilter::ERROR,
            LogLevel::Warn => LevelFilter::WARN,
            LogLevel::Info => LevelFilter::INFO,
            LogLevel::Debug => LevelFilter::DEBUG,
            LogLevel::Trace => LevelFilter::TRACE,
        };
        // Libraries below speak only of trouble.
        let targets = Targets::new().with_default(level.min(LevelFilter::WARN)).with_target("duet", level);
        let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
        let lines: Teller = match self.log_format.unwrap_or(LogFormat::Text) {
            LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).with_target(false).boxed(),
            LogFormat::Json => lines.json().boxed(),
        };
        let mut tellers = others;
        tellers.push(lines.with_filter(targets).boxed());
        tracing_subscriber::registry().with(tellers).init();
        std::panic::set_hook(Box::new(|panic| {
            let words = panic.payload_as_str().unwrap_or("no message");
            // `print!` panics when nobody reads any more (`duet models list | head -1`): no fault, nothing to say.
            if words.starts_with("failed printing to stdout") {
                std::process::exit(0);
            }
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            tracing::error!(place, "panic: {words}");
        }));
    }
}
