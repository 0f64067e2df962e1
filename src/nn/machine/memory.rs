//! How the allocator of the program gives memory back.

use std::ffi::{c_int, c_long};

/// `mi_option_purge_delay`, which the binding leaves out: milliseconds until freed memory goes back to the kernel.
const PURGE_DELAY: c_int = 15;
/// A minute: no step takes as long, and what a run has done with is not kept for ever.
const KEPT_MS: c_long = 60_000;

/// Keep freed memory for a minute, where mimalloc gives it back after a second. A training frees and asks for the same gigabytes in each
/// step, and where a step takes a second they would be faulted in again each time. Call it before a training.
pub fn keep_what_is_freed() {
    // SAFETY: sets a number that the allocator reads; no pointer goes in or out.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, KEPT_MS) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_is_the_one_that_is_meant() {
        // SAFETY: reads a number.
        let get = || unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) };
        assert_eq!(
            get(),
            1000,
            "mimalloc 3 waits a second; another option, or another version, has another number"
        );
        keep_what_is_freed();
        assert_eq!(get(), KEPT_MS);
    }
}
