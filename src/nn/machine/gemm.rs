//! A checked door to matrix products: the `gemm` crate's in f32, or in bf16 on the CPU's own unit.

use super::bf16;
use crate::nn::precision::{self, Precision};

/// Multiplications below which packing for that unit costs more than it saves.
const WORTH_PACKING: usize = 32 * 32 * 32;

/// A matrix inside a slice: element (r, c) lies at `r * rows + c * cols`.
#[derive(Clone, Copy)]
pub struct Strides {
    pub rows: usize,
    pub cols: usize,
}

/// Row-major with `width` columns.
pub fn row_major(width: usize) -> Strides {
    Strides { rows: width, cols: 1 }
}

/// The transpose of a row-major matrix with `width` columns.
pub fn transposed(width: usize) -> Strides {
    Strides { rows: 1, cols: width }
}

fn reach(m: usize, n: usize, s: Strides) -> usize {
    if m == 0 || n == 0 { 0 } else { (m - 1) * s.rows + (n - 1) * s.cols + 1 }
}

/// `dst = lhs·rhs`, or `dst += lhs·rhs` when `accumulate`; lhs (m,k), rhs (k,n), dst row-major (m,n). One thread, so
/// that the caller decides how work is split and results do not depend on the number of threads.
#[allow(clippy::too_many_arguments)]
pub fn gemm(
    (m, k, n): (usize, usize, usize),
    lhs: &[f32],
    lhs_strides: Strides,
    rhs: &[f32],
    rhs_strides: Strides,
    dst: &mut [f32],
    accumulate: bool,
) {
    assert!(reach(m, k, lhs_strides) <= lhs.len(), "left matrix exceeds its slice");
    assert!(reach(k, n, rhs_strides) <= rhs.len(), "right matrix exceeds its slice");
    assert!(m * n <= dst.len(), "result exceeds its slice");
    if precision::get() == Precision::Bf16 && m * k * n >= WORTH_PACKING {
        return bf16::gemm((m, k, n), (lhs, lhs_strides), (rhs, rhs_strides), dst, accumulate);
    }
    // SAFETY: the three assertions above keep every address the product touches inside its slice; `dst` is borrowed
    // mutably, so it aliases neither input.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            dst.as_mut_ptr(),
            1,
            n as isize,
            accumulate,
            lhs.as_ptr(),
            lhs_strides.cols as isize,
            lhs_strides.rows as isize,
            rhs.as_ptr(),
            rhs_strides.cols as isize,
            rhs_strides.rows as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}
