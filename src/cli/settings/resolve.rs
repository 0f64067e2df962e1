//! The one place where the settings' ranges and defaults are: raw values in, [`Settings`] out.

use super::{RawKey, RawSettings, SettingsArgs};
use crate::cli::logging::{LogFormat, LogLevel};
use crate::engine::{ArchiveLimits, JobLimits, Limits};
use crate::error::{Error, Result};
use crate::nn::precision::Precision;
use crate::server::{Key, Origins, TimeLimits};
use serde::Serialize;
use std::ffi::OsString;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

/// Everything about the server that can be set; every value in range.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Address to listen on.
    pub host: String,
    /// Port; 0 = any free one.
    pub port: u16,
    /// Model of requests that name none.
    pub model: Option<String>,
    /// Folders of models that go before all others, separated as in `PATH`.
    pub models: Option<OsString>,
    /// What matrix products round to.
    pub precision: Precision,
    /// Host names answered beside those of this machine.
    pub allow_host: Vec<String>,
    /// Pages elsewhere that may use the API.
    pub origins: Origins,
    /// Queue and kept results.
    pub limits: Limits,
    /// Where results and jobs are kept on disk; `None` = nowhere.
    pub data: Option<Data>,
    /// Known jobs.
    pub jobs: JobLimits,
    /// How long things may take.
    pub times: TimeLimits,
    /// Connections at a time.
    pub connections: usize,
    /// The same of one address; 0: no bound.
    pub per_address: usize,
    /// Who may ask; nobody in particular when empty.
    pub keys: Vec<Key>,
}

/// A folder for what outlives the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Data {
    /// Where.
    pub folder: PathBuf,
    /// How much.
    pub limits: ArchiveLimits,
}

/// `duet/results` in the user's data folder, where there is a user with one.
fn usual_folder() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "duet").map(|dirs| dirs.data_dir().join("results"))
}

/// Where a value comes from, the strongest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A flag, by name.
    Flag(String),
    /// A variable, by name.
    Variable(String),
    /// The settings file.
    File(PathBuf),
    /// None of these.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) | Self::Variable(name) => formatter.write_str(name),
            Self::File(path) => write!(formatter, "{}", path.display()),
            Self::Default => formatter.write_str("default"),
        }
    }
}

/// One resolved setting: its name, its value as TOML (`None`: not set), its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// As in the file.
    pub name: &'static str,
    /// As in the file; never a secret.
    pub value: Option<String>,
    /// Where it comes from.
    pub origin: Origin,
}

pub(super) fn resolve(args: &SettingsArgs, file: &RawSettings) -> Result<(Settings, Vec<Line>)> {
    let mut desk = Desk { args, lines: Vec::new() };
    let given = &args.given;
    macro_rules! text {
        ($name:ident) => {
            desk.pick(stringify!($name), given.$name.clone(), file.$name.clone())
        };
    }
    macro_rules! number {
        ($name:ident, $default:expr, $range:expr) => {
            desk.number(stringify!($name), given.$name, file.$name, $default, $range)?
        };
    }
    const YEAR: u64 = 365 * 86_400;
    let host = desk.or("host", given.host.clone(), file.host.clone(), "127.0.0.1".to_owned());
    let port = desk.or("port", given.port, file.port, 8080);
    let model = text!(model);
    let models = desk.pick("models", given.models.clone(), file.models.clone());
    let precision = desk.or("precision", given.precision, file.precision, Precision::default());
    let allow_host = text!(allow_host).unwrap_or_default();
    let origins = Origins::new(&text!(allow_origin).unwrap_or_default())
        .map_err(|error| desk.blame("allow_origin", &error))?;
    let queue = number!(queue, 16, 1..=10_000);
    let batch_tokens = number!(batch_tokens, crate::engine::DEFAULT_BATCH_TOKENS as u64, 0..=1_000_000);
    let timeout = number!(timeout, 300, 1..=86_400);
    let job_timeout = number!(job_timeout, 3600, 1..=YEAR);
    let jobs = number!(jobs, 256, 1..=10_000);
    let job_age = number!(job_age, 3600, 1..=YEAR);
    let keep = number!(keep, 64, 1..=65_536);
    let data_dir = desk.pick("data_dir", given.data_dir.clone(), file.data_dir.clone());
    let no_data = desk.or("no_data", given.no_data, file.no_data, false);
    let count = number!(data_count, 10_000, 1..=10_000_000);
    let size = number!(data_size, 2048, 1..=16_777_216);
    let days = desk.optional("data_days", given.data_days, file.data_days, 1..=36_500)?;
    let drain = number!(drain, 10, 0..=3600);
    let stall = number!(stall, 120, 1..=86_400);
    let connections = number!(connections, 512, 1..=100_000);
    let per_address = number!(per_address, 0, 0..=100_000);
    let keys = file.keys.as_deref().unwrap_or_default();
    let keys = keys.iter().map(key).collect::<Result<Vec<_>>>()?;
    desk.account(file);
    let settings = Settings {
        host,
        port,
        model,
        models: models.map(PathBuf::into_os_string),
        precision,
        allow_host,
        origins,
        // Memory is what bounds kept results.
        limits: Limits {
            queue: queue as usize,
            results: usize::MAX,
            result_bytes: (keep as usize).saturating_mul(1 << 20),
            batch_tokens: batch_tokens as usize,
            stall: Some(Duration::from_secs(stall)),
        },
        data: if no_data { None } else { data_dir.or_else(usual_folder) }.map(|folder| Data {
            folder,
            limits: ArchiveLimits {
                count,
                bytes: size << 20,
                age: days.map(|days| Duration::from_secs(days * 86_400)),
            },
        }),
        jobs: JobLimits { count: jobs as usize, age: Duration::from_secs(job_age) },
        times: TimeLimits {
            answer: Duration::from_secs(timeout),
            job: Duration::from_secs(job_timeout),
            stall: Duration::from_secs(stall),
            drain: Duration::from_secs(drain),
            ..TimeLimits::default()
        },
        connections: connections as usize,
        per_address: per_address as usize,
        keys,
    };
    Ok((settings, desk.lines))
}

fn key(raw: &RawKey) -> Result<Key> {
    Key::new(&raw.name, &raw.sha256, raw.per_minute, raw.concurrent)
}

/// Chooses between the places a value may come from, and keeps account of it.
struct Desk<'a> {
    args: &'a SettingsArgs,
    lines: Vec<Line>,
}

impl Desk<'_> {
    fn pick<T: Serialize>(&mut self, name: &'static str, given: Option<T>, file: Option<T>) -> Option<T> {
        let origin = match (&given, &file) {
            (Some(_), _) if self.args.from_environment.iter().any(|id| id == name) => {
                Origin::Variable(format!("DUET_{}", name.to_uppercase()))
            }
            (Some(_), _) => Origin::Flag(format!("--{}", name.replace('_', "-"))),
            (None, Some(_)) => Origin::File(self.args.config.clone().unwrap_or_default()),
            (None, None) => Origin::Default,
        };
        let value = given.or(file);
        self.lines.push(Line { name, value: value.as_ref().and_then(written), origin });
        value
    }

    fn or<T: Serialize>(&mut self, name: &'static str, given: Option<T>, file: Option<T>, default: T) -> T {
        let value = self.pick(name, given, file).unwrap_or(default);
        if let Some(line) = self.lines.last_mut() {
            line.value = written(&value);
        }
        value
    }

    fn number(
        &mut self,
        name: &'static str,
        given: Option<u64>,
        file: Option<u64>,
        default: u64,
        range: RangeInclusive<u64>,
    ) -> Result<u64> {
        let value = self.or(name, given, file, default);
        self.within(name, value, range)
    }

    /// A number that need not be set.
    fn optional(
        &mut self,
        name: &'static str,
        given: Option<u64>,
        file: Option<u64>,
        range: RangeInclusive<u64>,
    ) -> Result<Option<u64>> {
        let value = self.pick(name, given, file);
        value.map(|value| self.within(name, value, range)).transpose()
    }

    fn within(&self, name: &str, value: u64, range: RangeInclusive<u64>) -> Result<u64> {
        if range.contains(&value) {
            return Ok(value);
        }
        let message = format!("must be a whole number from {} to {}", range.start(), range.end());
        Err(self.blame(name, &Error::invalid("invalid_setting", message)))
    }

    /// The error of a setting, with the place where the value stands.
    fn blame(&self, name: &str, error: &Error) -> Error {
        let origin = self.lines.iter().find(|line| line.name == name).map(|line| &line.origin);
        let place = origin.map(|origin| format!(" (from {origin})")).unwrap_or_default();
        Error::invalid("invalid_setting", format!("{name}{place}: {error}"))
    }

    /// The log's settings are in force already (`cli::logging`), and keys are not to be shown: both are only accounted for.
    fn account(&mut self, file: &RawSettings) {
        let given = &self.args.given;
        self.or("log_level", given.log_level, file.log_level, LogLevel::Info);
        self.or("log_format", given.log_format, file.log_format, LogFormat::Text);
        let count = file.keys.as_ref().map(Vec::len);
        self.pick("keys", None, count.map(|count| format!("{count}, digests not shown")));
    }
}

/// As TOML writes a value.
fn written<T: Serialize>(value: &T) -> Option<String> {
    let mut text = String::new();
    value.serialize(toml::ser::ValueSerializer::new(&mut text)).ok()?;
    Some(text)
}
