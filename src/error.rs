//! The one error type of the library.
//!
//! A room says *what kind* of thing went wrong, gives it a stable `code` that programs can match on, and a message for a
//! person that says what to do next. Messages may be shown to strangers: they hold no path, shape or backtrace
//! unless the person at the command line gave that path. The cause, for logs, hangs on `source`.

use std::error::Error as StdError;

/// What kind of failure it was. Doors map this to an HTTP status or an exit code, each with one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The caller asked for something malformed or out of range.
    Invalid,
    /// The thing named does not exist.
    NotFound,
    /// A file or stream does not hold what its format promises (truncated, lying, wrong digest).
    Corrupt,
    /// Well-formed, but nothing here can do it.
    Unsupported,
    /// Too much work is waiting; try again later.
    Busy,
    /// Not able to work just now: loading, restarting or shutting down.
    Unavailable,
    /// The caller went away or asked to stop.
    Cancelled,
    /// The disk, a port or another resource of this machine refused.
    Io,
    /// The network or a remote hub refused.
    Network,
    /// A fault of ours.
    Internal,
}

/// A failure: kind, stable code, message for a person, cause for the log.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    code: &'static str,
    message: String,
    #[source]
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// Result with the library's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// A failure of `kind` with a stable snake_case `code` and a message that says what to do next.
    pub fn new(kind: ErrorKind, code: &'static str, message: impl Into<String>) -> Self {
        Self { kind, code, message: message.into(), source: None }
    }

    /// [`ErrorKind::Invalid`].
    pub fn invalid(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, code, message)
    }

    /// [`ErrorKind::Corrupt`].
    pub fn corrupt(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Corrupt, code, message)
    }

    /// [`ErrorKind::Internal`].
    pub fn internal(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, code, message)
    }

    /// The failure of a file operation on `path`, in words, with the disk-full case named.
    pub fn io(action: &str, path: &std::path::Path, source: std::io::Error) -> Self {
        let (kind, code, hint) = match source.kind() {
            std::io::ErrorKind::NotFound => {
                (ErrorKind::NotFound, "file_not_found", ": no such file or folder")
            }
            std::io::ErrorKind::StorageFull => {
                (ErrorKind::Io, "disk_full", ": the disk is full; free some space and try again")
            }
            std::io::ErrorKind::PermissionDenied => {
                (ErrorKind::Io, "permission_denied", ": permission denied")
            }
            _ => (ErrorKind::Io, "io", ""),
        };
        let detail = if hint.is_empty() { format!(": {source}") } else { hint.to_owned() };
        Self::new(kind, code, format!("cannot {action} {}{detail}", path.display())).with_source(source)
    }

    /// Attach the cause, for the log.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What kind of failure it was.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Stable snake_case name of the failure.
    pub fn code(&self) -> &'static str {
        self.code
    }
}

impl From<candle_core::Error> for Error {
    fn from(source: candle_core::Error) -> Self {
        Self::internal("model_failure", "the model failed to compute; the log has the cause")
            .with_source(source)
    }
}
