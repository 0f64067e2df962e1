//! The settings of the server as typed: the same fields as flags, `DUET_*` variables and keys of a TOML file.

use crate::cli::logging::{LogFormat, LogLevel};
use crate::error::{Error, Result};
use crate::nn::precision::Precision;
use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};
use serde::Deserialize;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

/// Longest settings file that is read, bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

// The comments are the manual of `duet serve --help`. Whether a number is in range is decided in `resolve`, once for flag,
// variable and file. No doc comment on the type: clap would take it for the words about the command.
#[derive(Clone, Debug, Default, Args, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct RawSettings {
    /// Address to listen on; 0.0.0.0 lets everybody in who can reach this machine [default: 127.0.0.1]
    #[arg(long, env = "DUET_HOST")]
    pub host: Option<String>,
    /// Port to listen on; 0 lets the system choose a free one [default: 8080]
    #[arg(long, env = "DUET_PORT")]
    pub port: Option<u16>,
    /// Model of requests that name none: a name, or the folder of a package [default: duet-mini, else the first at hand]
    #[arg(long, env = "DUET_MODEL", value_name = "NAME")]
    pub model: Option<String>,
    /// Folder whose sub-folders are model packages, before all other places where they are looked for (`duet models --help`); several are
    /// separated as in PATH
    #[arg(long, env = "DUET_MODELS", value_name = "FOLDER", value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub models: Option<PathBuf>,
    /// What matrix products on the CPU round to: bf16 is faster where the CPU has Intel AMX or AVX-512 BF16, most with large models; the
    /// same seed then gives a slightly different motion than f32 [default: f32]
    #[arg(long, env = "DUET_PRECISION")]
    pub precision: Option<Precision>,
    /// Also answer requests for this host name, such as that of a proxy in front. On 127.0.0.1 any other name but
    /// localhost is refused, so that no page on the web can reach in. May be repeated; commas separate in the variable
    #[arg(long, env = "DUET_ALLOW_HOST", value_name = "NAME", value_delimiter = ',')]
    pub allow_host: Option<Vec<String>>,
    /// Let pages of this origin (https://example.org) use the API from browsers (CORS) [default: none]
    #[arg(long, env = "DUET_ALLOW_ORIGIN", value_name = "ORIGIN", value_delimiter = ',')]
    pub allow_origin: Option<Vec<String>>,
    /// Requests that may wait for a model, shared among keys where there are some; more are told to come back later (429) [default: 16]
    #[arg(long, env = "DUET_QUEUE", value_name = "N")]
    pub queue: Option<u64>,
    /// Motion tokens of requests that a model works on at once: 5 per person and 4 frames of each sample, twice with guidance; what is over
    /// waits for its turn, 0 works on one request at a time. Results are the same whatever is worked on beside them [default: 4096]
    #[arg(long, env = "DUET_BATCH_TOKENS", value_name = "N")]
    pub batch_tokens: Option<u64>,
    /// Seconds that a request may take, waiting included [default: 300]
    #[arg(long, env = "DUET_TIMEOUT", value_name = "SECONDS")]
    pub timeout: Option<u64>,
    /// The same for jobs, which nobody waits for on the line [default: 3600]
    #[arg(long, env = "DUET_JOB_TIMEOUT", value_name = "SECONDS")]
    pub job_timeout: Option<u64>,
    /// Jobs that are known at a time; finished ones make room, oldest first [default: 256]
    #[arg(long, env = "DUET_JOBS", value_name = "N")]
    pub jobs: Option<u64>,
    /// Seconds that a finished job is known [default: 3600]
    #[arg(long, env = "DUET_JOB_AGE", value_name = "SECONDS")]
    pub job_age: Option<u64>,
    /// Memory for results that can be fetched again, in MiB; the least recently used ones leave first [default: 64]
    #[arg(long, env = "DUET_KEEP", value_name = "MIB")]
    pub keep: Option<u64>,
    /// Folder for results and jobs that outlive the server; made where it is missing, used by one server at a time [default: duet/results in
    /// the user's data folder]
    #[arg(long, env = "DUET_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Keep results and jobs in memory only, so that nothing outlives the server [default: false]
    #[arg(long, env = "DUET_NO_DATA", value_name = "BOOL", num_args = 0..=1, require_equals = true,
        default_missing_value = "true", value_parser = clap::builder::BoolishValueParser::new())]
    pub no_data: Option<bool>,
    /// Results in that folder; the oldest leave first [default: 10000]
    #[arg(long, env = "DUET_DATA_COUNT", value_name = "N")]
    pub data_count: Option<u64>,
    /// Room for results in that folder, in MiB; the oldest leave first [default: 2048]
    #[arg(long, env = "DUET_DATA_SIZE", value_name = "MIB")]
    pub data_size: Option<u64>,
    /// Days that a result stays in that folder at most; when not set, as long as there is room
    #[arg(long, env = "DUET_DATA_DAYS", value_name = "DAYS")]
    pub data_days: Option<u64>,
    /// Seconds that requests and jobs may take to finish once the server is asked to stop [default: 10]
    #[arg(long, env = "DUET_DRAIN", value_name = "SECONDS")]
    pub drain: Option<u64>,
    /// Seconds without a decoding step after which a working model is taken for hung [default: 120]
    #[arg(long, env = "DUET_STALL", value_name = "SECONDS")]
    pub stall: Option<u64>,
    /// Connections at a time; more wait [default: 512]
    #[arg(long, env = "DUET_CONNECTIONS", value_name = "N")]
    pub connections: Option<u64>,
    /// Connections at a time from one client address (of IPv6: from one /64 network); more are closed at once. 0 is no bound, which is
    /// right behind a proxy: there all connections come from the proxy's address [default: 0]
    #[arg(long, env = "DUET_PER_ADDRESS", value_name = "N")]
    pub per_address: Option<u64>,
    // Only in the file: secrets do not belong on command lines, and logs have flags of their own.
    #[arg(skip)]
    pub keys: Option<Vec<RawKey>>,
    #[arg(skip)]
    pub log_level: Option<LogLevel>,
    #[arg(skip)]
    pub log_format: Option<LogFormat>,
}

/// An API key in the file: `[[keys]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawKey {
    /// Name of its holder.
    pub name: String,
    /// SHA-256 of the key.
    pub sha256: String,
    /// Generations a minute.
    pub per_minute: Option<NonZeroU32>,
    /// Generations at a time.
    pub concurrent: Option<NonZeroU32>,
}

impl RawSettings {
    /// Read a settings file.
    ///
    /// # Errors
    /// `file_not_found` and its like; `invalid_config` for what is no TOML, too long, or has keys that are not known.
    pub fn read(path: &Path) -> Result<Self> {
        let size = std::fs::metadata(path).map_err(|e| Error::io("read", path, e))?.len();
        if size > MAX_FILE_BYTES {
            let message = format!("{} is longer than 1 MiB: that is no settings file", path.display());
            return Err(Error::invalid("invalid_config", message));
        }
        let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
        toml::from_str(&text).map_err(|error| {
            let line = error.span().map(|span| 1 + text[..span.start].matches('\n').count());
            let line = line.map(|line| format!(", line {line}")).unwrap_or_default();
            let message = format!("{}{line}: {}", path.display(), error.message());
            Error::invalid("invalid_config", message)
        })
    }
}
