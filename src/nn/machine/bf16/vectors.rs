//! AVX-512 BF16 (AMD since Zen 4, Intel since Cooper Lake): one instruction multiplies 16 pairs of bf16 by 16 others and adds both products
//! of each to one of 16 sums in f32, twice what the unit does in f32.

use super::{PANEL, STEP};
use std::arch::x86_64::{
    __m512bh, __m512i, _mm512_dpbf16_ps, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_set1_epi32,
    _mm512_setzero_ps, _mm512_storeu_ps,
};

/// Rows whose sums are kept in registers: 16 of 32, and enough of them in flight to hide what one product takes.
const ROWS: usize = 8;
/// Pairs in a row of a tile, and rows of a tile.
const TILE: usize = 16;

/// Whether the CPU has them.
pub fn available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512bf16")
}

/// A panel of 32 rows times a panel of 32 columns, to the first 32 columns of 32 rows of `dst`, `width` apart.
pub fn multiply(left: &[u32], right: &[u32], dst: &mut [f32], width: usize, add: bool) {
    assert!(available(), "used only where it is available");
    assert!(left.len() == right.len() && left.len().is_multiple_of(STEP), "uneven panels");
    assert!(dst.len() >= (PANEL - 1) * width + PANEL, "the product exceeds its slice");
    for row in (0..PANEL).step_by(ROWS) {
        // SAFETY: the features are there, both panels hold the same whole steps, and `ROWS` rows of 32 numbers, `width` apart, follow
        // in `dst` (all asserted above).
        unsafe { rows(left, right, row, dst.as_mut_ptr().add(row * width), width, add) };
    }
}

/// Sixteen pairs.
#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
fn bits(pairs: &[u32; TILE]) -> __m512bh {
    // SAFETY: 512 bits of plain numbers.
    unsafe { std::mem::transmute::<__m512i, __m512bh>(_mm512_loadu_si512(pairs.as_ptr().cast())) }
}

/// One pair sixteen times.
#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
fn everywhere(pair: u32) -> __m512bh {
    // SAFETY: 512 bits of plain numbers.
    unsafe { std::mem::transmute::<__m512i, __m512bh>(_mm512_set1_epi32(pair.cast_signed())) }
}

/// Rows `first` to `first + ROWS` of the product.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
unsafe fn rows(left: &[u32], right: &[u32], first: usize, dst: *mut f32, width: usize, add: bool) {
    let mut sums = [[_mm512_setzero_ps(); 2]; ROWS];
    if add {
        for (row, sums) in sums.iter_mut().enumerate() {
            // SAFETY: the caller's promise.
            *sums = unsafe {
                [_mm512_loadu_ps(dst.add(row * width)), _mm512_loadu_ps(dst.add(row * width + TILE))]
            };
        }
    }
    // A step is two tiles of 16 rows by 16 pairs on the left, two of 16 pairs by 16 columns on the right.
    for (left, right) in left.chunks_exact(STEP).zip(right.chunks_exact(STEP)) {
        let (Some(left), Some(right)) = (
            left.as_chunks::<TILE>().0[first..].first_chunk::<ROWS>(),
            right.as_chunks::<TILE>().0.first_chunk::<{ 2 * TILE }>(),
        ) else {
            return;
        };
        for pair in 0..TILE {
            let columns = [bits(&right[pair]), bits(&right[TILE + pair])];
            for (left, sums) in left.iter().zip(&mut sums) {
                let value = everywhere(left[pair]);
                sums[0] = _mm512_dpbf16_ps(sums[0], value, columns[0]);
                sums[1] = _mm512_dpbf16_ps(sums[1], value, columns[1]);
            }
        }
    }
    for (row, sums) in sums.iter().enumerate() {
        // SAFETY: the caller's promise.
        unsafe {
            _mm512_storeu_ps(dst.add(row * width), sums[0]);
            _mm512_storeu_ps(dst.add(row * width + TILE), sums[1]);
        }
    }
}
