//! Matrices to panels of bf16 pairs.

use super::{DEPTH, PANEL, STEP, vectors};
use crate::nn::machine::gemm::Strides;
use crate::nn::machine::vectorise::vectorise;
use std::arch::x86_64::{
    __m512bh, __m512i, _mm512_cvtne2ps_pbh, _mm512_loadu_ps, _mm512_permutexvar_epi16, _mm512_set_epi16,
    _mm512_setzero_si512, _mm512_shuffle_i32x4, _mm512_storeu_si512, _mm512_unpackhi_epi32,
    _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};

/// The first `length` numbers of a buffer that only grows: shrinking and growing again would clear what is overwritten anyway.
fn grown(buffer: &mut Vec<u32>, length: usize) -> &mut [u32] {
    if buffer.len() < length {
        buffer.resize(length, 0);
    }
    &mut buffer[..length]
}

/// How a tile is laid out.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Form {
    /// Left operand: a row of the tile is a row of the matrix.
    Rows,
    /// Right operand: a row of the tile is a pair of neighbours in depth for each of 16 columns.
    Pairs,
}

/// Pack an (outer, depth) matrix into panels of bf16 pairs: `[panel][step][tile][16][16]`, zeros past the edges. A pair
/// holds neighbours in depth, the first in the low half.
pub(super) fn pack(
    (outer, depth): (usize, usize),
    x: &[f32],
    strides: Strides,
    form: Form,
    packed: &mut Vec<u32>,
) {
    let steps = depth.div_ceil(DEPTH);
    // Old contents are overwritten below, but for the tiles at the edges, which are cleared first.
    let packed = grown(packed, outer.div_ceil(PANEL) * steps * STEP);
    for (panel, packed) in packed.chunks_exact_mut(steps * STEP).enumerate() {
        for (step, packed) in packed.chunks_exact_mut(STEP).enumerate() {
            for (half, tile) in packed.as_chunks_mut::<16>().0.chunks_exact_mut(16).enumerate() {
                let (from, deep) = (panel * PANEL + half * 16, step * DEPTH);
                let (width, length) = (16.min(outer.saturating_sub(from)), DEPTH.min(depth - deep));
                if (width, length) == (16, DEPTH) && (strides.cols == 1 || strides.rows == 1) {
                    whole(&x[from * strides.rows + deep * strides.cols..], strides, form, tile);
                    continue;
                }
                tile.fill([0; 16]);
                if width == 0 {
                    continue;
                }
                let x = &x[from * strides.rows + deep * strides.cols..];
                vectorise(
                    #[inline(always)]
                    || {
                        if strides.cols == 1 {
                            along(x, strides.rows, width, length, tile);
                        } else {
                            across(x, strides, width, length, tile);
                        }
                    },
                );
                let rows_made = strides.cols == 1;
                if rows_made != (form == Form::Rows) {
                    transpose(tile);
                }
            }
        }
    }
}

/// A tile of 16 outer indices and 32 in depth from the beginning of `x`, one of whose strides is 1.
fn whole(x: &[f32], strides: Strides, form: Form, tile: &mut [[u32; 16]]) {
    assert!(vectors::available(), "packed only for units that are there");
    let along = strides.cols == 1;
    let (lines, gap, length) = if along { (16, strides.rows, DEPTH) } else { (DEPTH, strides.cols, 16) };
    assert!(along || strides.rows == 1, "a whole tile lies along one of its sides");
    assert!(x.len() >= (lines - 1) * gap + length && tile.len() == 16, "the tile exceeds its slice");
    // SAFETY: the features are there (`vectors::available`); the lines that are read, `gap` apart, lie inside `x` and the 16 rows
    // that are written are those of `tile` (asserted above).
    unsafe { pack_lines(x.as_ptr(), gap, along, along == (form == Form::Rows), tile.as_mut_ptr()) }
}

/// Reads 16 lines of 32 numbers (`along` depth) or 32 lines of 16 (across it), `gap` apart, and writes 16 rows of pairs, or
/// their transpose. All in one function, as instructions are inlined only where their features are on.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
unsafe fn pack_lines(x: *const f32, gap: usize, along: bool, upright: bool, tile: *mut [u32; 16]) {
    // Numbers of two lines, one after the other.
    let zip = _mm512_set_epi16(
        31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18,
        2, 17, 1, 16, 0,
    );
    let mut pairs = [_mm512_setzero_si512(); 16];
    for (row, pairs) in pairs.iter_mut().enumerate() {
        let (low, high) =
            if along { (row * gap, row * gap + 16) } else { (2 * row * gap, (2 * row + 1) * gap) };
        // SAFETY: the caller's promise; 512 bits of plain numbers either way.
        *pairs = unsafe {
            let both = _mm512_cvtne2ps_pbh(_mm512_loadu_ps(x.add(high)), _mm512_loadu_ps(x.add(low)));
            std::mem::transmute::<__m512bh, __m512i>(both)
        };
        if !along {
            *pairs = _mm512_permutexvar_epi16(zip, *pairs);
        }
    }
    if !upright {
        pairs = transposed(pairs);
    }
    for (row, pairs) in pairs.into_iter().enumerate() {
        // SAFETY: the caller's promise.
        unsafe { _mm512_storeu_si512(tile.add(row).cast(), pairs) };
    }
}

/// Rows to columns.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn transposed(rows: [__m512i; 16]) -> [__m512i; 16] {
    // Four numbers of four neighbouring rows at a time, then the 4 x 4 blocks.
    let mut blocks = rows;
    for quad in 0..4 {
        let [a, b, c, d] = [rows[4 * quad], rows[4 * quad + 1], rows[4 * quad + 2], rows[4 * quad + 3]];
        let (ab, ab_high) = (_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
        let (cd, cd_high) = (_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
        blocks[4 * quad] = _mm512_unpacklo_epi64(ab, cd);
        blocks[4 * quad + 1] = _mm512_unpackhi_epi64(ab, cd);
        blocks[4 * quad + 2] = _mm512_unpacklo_epi64(ab_high, cd_high);
        blocks[4 * quad + 3] = _mm512_unpackhi_epi64(ab_high, cd_high);
    }
    let mut columns = rows;
    for i in 0..4 {
        let [a, b, c, d] = [blocks[i], blocks[4 + i], blocks[8 + i], blocks[12 + i]];
        let even = [_mm512_shuffle_i32x4::<0x88>(a, b), _mm512_shuffle_i32x4::<0x88>(c, d)];
        let odd = [_mm512_shuffle_i32x4::<0xdd>(a, b), _mm512_shuffle_i32x4::<0xdd>(c, d)];
        columns[i] = _mm512_shuffle_i32x4::<0x88>(even[0], even[1]);
        columns[i + 4] = _mm512_shuffle_i32x4::<0x88>(odd[0], odd[1]);
        columns[i + 8] = _mm512_shuffle_i32x4::<0xdd>(even[0], even[1]);
        columns[i + 12] = _mm512_shuffle_i32x4::<0xdd>(odd[0], odd[1]);
    }
    columns
}

/// At the edges: depth is contiguous, one row of pairs for each of `width` outer indices.
#[inline(always)]
fn along(x: &[f32], stride: usize, width: usize, length: usize, tile: &mut [[u32; 16]]) {
    for (row, out) in tile.iter_mut().take(width).enumerate() {
        let x = &x[row * stride..][..length];
        if let Ok(x) = <&[f32; DEPTH]>::try_from(x) {
            for (out, pair) in out.iter_mut().zip(x.as_chunks::<2>().0) {
                *out = join(pair[0], pair[1]);
            }
        } else {
            for (out, pair) in out.iter_mut().zip(x.chunks(2)) {
                *out = join(pair[0], pair.get(1).copied().unwrap_or(0.0));
            }
        }
    }
}

/// At the edges: depth runs across rows, one row of `width` pairs for each two of `length` depths.
#[inline(always)]
fn across(x: &[f32], strides: Strides, width: usize, length: usize, tile: &mut [[u32; 16]]) {
    const NONE: [f32; 16] = [0.0; 16];
    for (pair, out) in tile.iter_mut().take(length.div_ceil(2)).enumerate() {
        let row = |depth: usize| if depth < length { Some(&x[depth * strides.cols..]) } else { None };
        let (first, second) = (row(2 * pair), row(2 * pair + 1));
        if strides.rows == 1 {
            let first = first.map_or(&NONE[..width], |x| &x[..width]);
            let second = second.map_or(&NONE[..width], |x| &x[..width]);
            out.iter_mut().zip(first.iter().zip(second)).for_each(|(o, (&a, &b))| *o = join(a, b));
        } else {
            for (i, out) in out.iter_mut().take(width).enumerate() {
                let value = |x: Option<&[f32]>| x.map_or(0.0, |x| x[i * strides.rows]);
                *out = join(value(first), value(second));
            }
        }
    }
}

/// Two bf16, rounded to nearest even, the first in the low half.
#[inline(always)]
fn join(low: f32, high: f32) -> u32 {
    let round = |x: f32| {
        let bits = x.to_bits();
        // A NaN keeps its exponent; the bit set last keeps it from becoming an infinity.
        bits.wrapping_add(0x7fff + (bits >> 16 & 1)) | u32::from(x.is_nan()) << 22
    };
    round(low) >> 16 | round(high) & 0xffff_0000
}

fn transpose(tile: &mut [[u32; 16]]) {
    let mut turned = [[0u32; 16]; 16];
    for (row, values) in tile.iter().enumerate() {
        for (turned, &value) in turned.iter_mut().zip(values) {
            turned[row] = value;
        }
    }
    tile.copy_from_slice(&turned);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::CounterRng;

    #[test]
    fn pairs_round_as_bf16_does() {
        let mut values =
            (0..1000).map(|i| CounterRng::new(5, "pairs").uniform_at(i) - 0.5).collect::<Vec<f32>>();
        values.extend([0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, 1.003_906_3, 1.011_718_8]);
        for pair in values.windows(2) {
            let (low, high) = (half::bf16::from_f32(pair[0]), half::bf16::from_f32(pair[1]));
            let expected = u32::from(high.to_bits()) << 16 | u32::from(low.to_bits());
            assert_eq!(join(pair[0], pair[1]), expected, "{pair:?}");
        }
        assert!(half::bf16::from_bits(join(f32::NAN, 0.0) as u16).is_nan());
    }
}
