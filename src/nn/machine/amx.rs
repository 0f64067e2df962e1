//! bf16 matrix products on Intel's AMX tile unit, sums in f32.
//!
//! A tile holds 16 rows of 64 bytes. One instruction multiplies a (16, 32) tile of bf16 by a (32, 16) one, whose rows
//! are interleaved in pairs, and adds to a (16, 16) tile of f32: sixteen times what a core's AVX-512 units do in the same
//! time. Operands are rounded to bf16 and packed panel by panel: 32 rows (or columns) at a time, zeros past the edges.

use super::gemm::Strides;
use super::vectorise::vectorise;
use std::cell::RefCell;

/// Rows or columns of a packed panel: two tiles.
const PANEL: usize = 32;
/// Depth of a tile.
const DEPTH: usize = 32;
/// Pairs of bf16 of one step in depth of a panel: two tiles of 16 x 16.
const STEP: usize = 512;

/// Whether this process may use the tile unit. The first call asks the kernel for the permission.
pub fn available() -> bool {
    static AVAILABLE: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *AVAILABLE.get_or_init(unit::allowed)
}

/// Packed operands of the calling thread, kept between products.
#[derive(Default)]
struct Panels {
    left: Vec<u32>,
    right: Vec<u32>,
}

thread_local! {
    static PANELS: RefCell<Panels> = RefCell::default();
}

/// `dst = lhs·rhs`, or `dst += lhs·rhs` when `accumulate`, as [`super::gemm::gemm`]; slices are long enough (its caller's
/// promise). Only where [`available`].
pub fn gemm(
    (m, k, n): (usize, usize, usize),
    (lhs, lhs_strides): (&[f32], Strides),
    (rhs, rhs_strides): (&[f32], Strides),
    dst: &mut [f32],
    accumulate: bool,
) {
    let steps = k.div_ceil(DEPTH);
    PANELS.with_borrow_mut(|panels| {
        // The depth of the right matrix runs along its rows: as a left matrix it is transposed.
        let flipped = Strides { rows: rhs_strides.cols, cols: rhs_strides.rows };
        pack((m, k), lhs, lhs_strides, Form::Rows, &mut panels.left);
        pack((n, k), rhs, flipped, Form::Pairs, &mut panels.right);
        let tiles = unit::Tiles::configure();
        let [left, right] = [(&panels.left, m), (&panels.right, n)]
            .map(|(packed, outer)| packed[..outer.div_ceil(PANEL) * steps * STEP].chunks_exact(steps * STEP));
        for (j, right) in right.enumerate() {
            for (i, left) in left.clone().enumerate() {
                let (row, column) = (i * PANEL, j * PANEL);
                let (rows, columns) = (PANEL.min(m - row), PANEL.min(n - column));
                let at = row * n + column;
                if (rows, columns) == (PANEL, PANEL) {
                    tiles.multiply(left, right, &mut dst[at..], n, accumulate);
                    continue;
                }
                let mut edge = [0f32; PANEL * PANEL];
                tiles.multiply(left, right, &mut edge, PANEL, false);
                for (r, edge) in edge.chunks_exact(PANEL).take(rows).enumerate() {
                    let dst = &mut dst[at + r * n..][..columns];
                    if accumulate {
                        dst.iter_mut().zip(edge).for_each(|(d, e)| *d += e);
                    } else {
                        dst.copy_from_slice(&edge[..columns]);
                    }
                }
            }
        }
    });
}

/// The first `length` numbers of a buffer that only grows: shrinking and growing again would clear what is overwritten anyway.
fn grown(buffer: &mut Vec<u32>, length: usize) -> &mut [u32] {
    if buffer.len() < length {
        buffer.resize(length, 0);
    }
    &mut buffer[..length]
}

/// How a tile is laid out.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// Left operand: a row of the tile is a row of the matrix.
    Rows,
    /// Right operand: a row of the tile is a pair of neighbours in depth for each of 16 columns.
    Pairs,
}

/// Pack an (outer, depth) matrix into panels of bf16 pairs: `[panel][step][tile][16][16]`, zeros past the edges. A pair
/// holds neighbours in depth, the first in the low half.
fn pack((outer, depth): (usize, usize), x: &[f32], strides: Strides, form: Form, packed: &mut Vec<u32>) {
    let steps = depth.div_ceil(DEPTH);
    // Old contents are overwritten below, but for the tiles at the edges, which are cleared first.
    let packed = grown(packed, outer.div_ceil(PANEL) * steps * STEP);
    for (panel, packed) in packed.chunks_exact_mut(steps * STEP).enumerate() {
        for (step, packed) in packed.chunks_exact_mut(STEP).enumerate() {
            for (half, tile) in packed.as_chunks_mut::<16>().0.chunks_exact_mut(16).enumerate() {
                let (from, deep) = (panel * PANEL + half * 16, step * DEPTH);
                let (width, length) = (16.min(outer.saturating_sub(from)), DEPTH.min(depth - deep));
                if (width, length) == (16, DEPTH) && (strides.cols == 1 || strides.rows == 1) {
                    unit::pack_whole(&x[from * strides.rows + deep * strides.cols..], strides, form, tile);
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

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod unit {
    use super::{DEPTH, Form, PANEL, STEP};
    use crate::nn::machine::gemm::Strides;
    use std::arch::asm;
    use std::arch::x86_64::{
        __cpuid_count, __m512bh, __m512i, _mm512_cvtne2ps_pbh, _mm512_loadu_ps, _mm512_permutexvar_epi16,
        _mm512_set_epi16, _mm512_setzero_si512, _mm512_shuffle_i32x4, _mm512_storeu_si512,
        _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
    };

    /// `ARCH_REQ_XCOMP_PERM` and the number of the tile data's state component (Linux `arch_prctl`).
    const REQUEST_PERMISSION: libc::c_long = 0x1023;
    const TILE_DATA: libc::c_long = 18;

    pub fn allowed() -> bool {
        let features = __cpuid_count(7, 0).edx;
        let [bf16, tile] = [22, 24].map(|bit| features >> bit & 1 == 1);
        // No CPU has tiles without them; packing uses them.
        let vectors = is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512bf16");
        // SAFETY: the call takes two numbers and touches no memory of ours.
        vectors
            && bf16
            && tile
            && unsafe { libc::syscall(libc::SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) } == 0
    }

    /// A tile of 16 outer indices and 32 in depth from the beginning of `x`, one of whose strides is 1.
    pub fn pack_whole(x: &[f32], strides: Strides, form: Form, tile: &mut [[u32; 16]]) {
        assert!(super::available(), "tiles are used only where they are available");
        let along = strides.cols == 1;
        let (lines, gap, length) = if along { (16, strides.rows, DEPTH) } else { (DEPTH, strides.cols, 16) };
        assert!(along || strides.rows == 1, "a whole tile lies along one of its sides");
        assert!(x.len() >= (lines - 1) * gap + length && tile.len() == 16, "the tile exceeds its slice");
        // SAFETY: the features are there (`available`); the lines that are read, `gap` apart, lie inside `x` and the 16 rows
        // that are written are those of `tile` (asserted above).
        unsafe { pack_lines(x.as_ptr(), gap, along, along == (form == Form::Rows), tile.as_mut_ptr()) }
    }

    /// Reads 16 lines of 32 numbers (`along` depth) or 32 lines of 16 (across it), `gap` apart, and writes 16 rows of pairs, or
    /// their transpose. All in one function, as instructions are inlined only where their features are on.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    unsafe fn pack_lines(x: *const f32, gap: usize, along: bool, upright: bool, tile: *mut [u32; 16]) {
        // Numbers of two lines, one after the other.
        let zip = _mm512_set_epi16(
            31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3,
            18, 2, 17, 1, 16, 0,
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

    /// Palette 1, all eight tiles 16 rows of 64 bytes (Intel SDM, LDTILECFG).
    #[repr(C, align(64))]
    struct Config {
        palette: u8,
        start_row: u8,
        reserved: [u8; 14],
        row_bytes: [u16; 16],
        rows: [u8; 16],
    }

    /// Tiles that are configured on this thread; given back on drop.
    pub struct Tiles {
        // Tile registers belong to the thread that configured them.
        _thread: std::marker::PhantomData<*const ()>,
    }

    impl Tiles {
        pub fn configure() -> Self {
            assert!(super::available(), "tiles are used only where they are available");
            let mut config =
                Config { palette: 1, start_row: 0, reserved: [0; 14], row_bytes: [0; 16], rows: [0; 16] };
            config.row_bytes[..8].fill(64);
            config.rows[..8].fill(16);
            // SAFETY: the unit exists and is permitted (asserted above); the instruction reads the 64 bytes of `config`.
            unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const config, options(nostack, readonly)) };
            Self { _thread: std::marker::PhantomData }
        }

        /// A panel of 32 rows times a panel of 32 columns, to the first 32 columns of 32 rows of `dst`, `width` apart.
        pub fn multiply(&self, left: &[u32], right: &[u32], dst: &mut [f32], width: usize, add: bool) {
            let steps = left.len() / STEP;
            assert!(steps > 0 && left.len() == right.len() && left.len() == steps * STEP, "uneven panels");
            assert!(dst.len() >= (PANEL - 1) * width + PANEL, "the product exceeds its slice");
            let at = dst.as_mut_ptr();
            // SAFETY: `at` and the three other corners begin 16x16 blocks, rows `width` apart, that the assertion above
            // keeps inside `dst`; `left` and `right` hold `steps` times 2,048 bytes. Tiles are configured while `self` is.
            unsafe {
                let corners = [at, at.add(16), at.add(16 * width), at.add(16 * width + 16)];
                asm!(
                    "test {add:e}, {add:e}",
                    "jz 2f",
                    "tileloadd tmm0, [{c0} + {row}]",
                    "tileloadd tmm1, [{c1} + {row}]",
                    "tileloadd tmm2, [{c2} + {row}]",
                    "tileloadd tmm3, [{c3} + {row}]",
                    "jmp 3f",
                    "2:",
                    "tilezero tmm0",
                    "tilezero tmm1",
                    "tilezero tmm2",
                    "tilezero tmm3",
                    "3:",
                    "tileloadd tmm4, [{a} + {line}]",
                    "tileloadd tmm6, [{b} + {line}]",
                    "tileloadd tmm5, [{a} + {line} + 1024]",
                    "tileloadd tmm7, [{b} + {line} + 1024]",
                    "tdpbf16ps tmm0, tmm4, tmm6",
                    "tdpbf16ps tmm1, tmm4, tmm7",
                    "tdpbf16ps tmm2, tmm5, tmm6",
                    "tdpbf16ps tmm3, tmm5, tmm7",
                    "add {a}, 2048",
                    "add {b}, 2048",
                    "dec {steps}",
                    "jnz 3b",
                    "tilestored [{c0} + {row}], tmm0",
                    "tilestored [{c1} + {row}], tmm1",
                    "tilestored [{c2} + {row}], tmm2",
                    "tilestored [{c3} + {row}], tmm3",
                    add = in(reg) u32::from(add),
                    c0 = in(reg) corners[0],
                    c1 = in(reg) corners[1],
                    c2 = in(reg) corners[2],
                    c3 = in(reg) corners[3],
                    row = in(reg) width * size_of::<f32>(),
                    line = in(reg) 64usize,
                    a = inout(reg) left.as_ptr() => _,
                    b = inout(reg) right.as_ptr() => _,
                    steps = inout(reg) steps => _,
                    out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                    out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                    options(nostack),
                );
            }
        }
    }

    impl Drop for Tiles {
        fn drop(&mut self) {
            // SAFETY: gives the tile registers of this thread back; nobody else holds them.
            unsafe { asm!("tilerelease", options(nostack, nomem)) };
        }
    }
}

/// Elsewhere there is no such unit.
#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
mod unit {
    pub fn allowed() -> bool {
        false
    }

    pub fn pack_whole(_: &[f32], _: super::Strides, _: super::Form, _: &mut [[u32; 16]]) {
        unreachable!("tiles are used only where they are available")
    }

    pub struct Tiles;

    impl Tiles {
        pub fn configure() -> Self {
            unreachable!("tiles are used only where they are available")
        }

        pub fn multiply(&self, _: &[u32], _: &[u32], _: &mut [f32], _: usize, _: bool) {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::machine::gemm::{row_major, transposed};
    use crate::rng::CounterRng;

    fn numbers(count: usize, name: &'static str) -> Vec<f32> {
        let rng = CounterRng::new(5, name);
        (0..count).map(|i| rng.uniform_at(i as u64) - 0.5).collect()
    }

    fn rounded(x: f32) -> f64 {
        f64::from(half::bf16::from_f32(x).to_f32())
    }

    #[test]
    fn pairs_round_as_bf16_does() {
        let mut values = numbers(1000, "pairs");
        values.extend([0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, 1.003_906_3, 1.011_718_8]);
        for pair in values.windows(2) {
            let (low, high) = (half::bf16::from_f32(pair[0]), half::bf16::from_f32(pair[1]));
            let expected = u32::from(high.to_bits()) << 16 | u32::from(low.to_bits());
            assert_eq!(join(pair[0], pair[1]), expected, "{pair:?}");
        }
        assert!(half::bf16::from_bits(join(f32::NAN, 0.0) as u16).is_nan());
    }

    #[test]
    fn equals_the_product_of_the_rounded_matrices_in_every_layout() {
        if !available() {
            eprintln!("SKIPPED: this machine has no AMX tile unit");
            return;
        }
        for (m, k, n) in [(32, 32, 32), (1, 1, 1), (70, 45, 33), (33, 96, 64), (200, 129, 47)] {
            let (a, b) = (numbers(m * k, "a"), numbers(k * n, "b"));
            for (sa, sb) in [
                (row_major(k), row_major(n)),
                (transposed(m), row_major(n)),
                (row_major(k), transposed(k)),
                (transposed(m), transposed(k)),
            ] {
                for accumulate in [false, true] {
                    let mut c = vec![1f32; m * n];
                    gemm((m, k, n), (&a, sa), (&b, sb), &mut c, accumulate);
                    for (at, &found) in c.iter().enumerate() {
                        let (i, j) = (at / n, at % n);
                        let term = |l: usize| {
                            rounded(a[i * sa.rows + l * sa.cols]) * rounded(b[l * sb.rows + j * sb.cols])
                        };
                        let expected = (0..k).map(term).sum::<f64>() + if accumulate { 1.0 } else { 0.0 };
                        assert!((f64::from(found) - expected).abs() < 1e-4, "{m}x{k}x{n} at {i},{j}");
                    }
                }
            }
        }
    }
}
