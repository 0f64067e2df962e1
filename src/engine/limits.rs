//! How much the engine takes on.

use std::time::Duration;

/// Tokens in flight together unless told otherwise: nine clips of 3 s with guidance, two of 10 s. A few cores are busy with that; more in
/// flight would only make each of them wait longer for the others.
pub const DEFAULT_BATCH_TOKENS: usize = 4096;

/// How much the engine takes on.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Requests that may wait for one model; a few more where several owners share it.
    pub queue: usize,
    /// Results kept.
    pub results: usize,
    /// Bytes of motion kept, about.
    pub result_bytes: usize,
    /// Tokens of generations that may be in flight together in one model; 0: one request at a time. A request beyond it runs alone.
    pub batch_tokens: usize,
    /// A model that works and makes no step for so long is taken for hung: its callers are told, and another thread takes over. `None`:
    /// nobody watches.
    pub stall: Option<Duration>,
}

impl Default for Limits {
    /// 16 waiting, 256 results in 64 MiB (a 3-second clip with foot fix takes 270 kB).
    fn default() -> Self {
        Self {
            queue: 16,
            results: 256,
            result_bytes: 64 << 20,
            batch_tokens: DEFAULT_BATCH_TOKENS,
            stall: None,
        }
    }
}
