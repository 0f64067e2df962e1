//! One door to vector code chosen at run time.

use pulp::{Arch, Simd, WithSimd};

struct Kernel<F>(F);

impl<F: FnMut()> WithSimd for Kernel<F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, _simd: S) {
        (self.0)();
    }
}

/// Run `kernel` compiled for the widest vector unit of this machine. Mark the closure, and those it calls in its inner loop,
/// `#[inline(always)]`: what is not inlined here is compiled for the oldest x86-64 there is. (`Arch::dispatch` with a
/// plain closure goes through a shim that never is.)
#[inline(always)]
pub fn vectorise<F: FnMut()>(kernel: F) {
    Arch::new().dispatch(Kernel(kernel));
}
