//! What can be counted of the archive.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Why a result left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    Count,
    Bytes,
    Age,
}

/// What failed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Failure {
    Open,
    Result,
    Job,
    Read,
}

/// What there is to count.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) kept: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) evicted: [AtomicU64; 3],
    pub(super) failed: [AtomicU64; 4],
}

/// How the archive is and what happened to it since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Results on disk.
    pub kept: u64,
    /// Bytes of their files.
    pub bytes: u64,
    /// Results that left, by reason.
    pub evicted: [(&'static str, u64); 3],
    /// What could not be done, by operation.
    pub failed: [(&'static str, u64); 4],
}

impl Counters {
    /// As they are now.
    pub(super) fn figures(&self) -> Figures {
        let mut figures = Figures {
            kept: self.kept.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            evicted: [("count", 0), ("bytes", 0), ("age", 0)],
            failed: [("open", 0), ("result", 0), ("job", 0), ("read", 0)],
        };
        for (figure, counter) in figures.evicted.iter_mut().zip(&self.evicted) {
            figure.1 = counter.load(Relaxed);
        }
        for (figure, counter) in figures.failed.iter_mut().zip(&self.failed) {
            figure.1 = counter.load(Relaxed);
        }
        figures
    }
}
