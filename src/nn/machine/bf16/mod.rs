//! bf16 matrix products on the units of a CPU that make them, sums in f32: Intel's tiles, or vectors.
//!
//! Operands are rounded to bf16 and packed panel by panel: 32 rows (or columns) at a time, zeros past the edges.

mod pack;
#[cfg(target_os = "linux")]
mod tiles;
mod vectors;

use super::gemm::Strides;
use pack::{Form, pack};
use std::cell::RefCell;

/// Rows or columns of a packed panel: two tiles.
const PANEL: usize = 32;
/// Depth of a tile.
const DEPTH: usize = 32;
/// Pairs of bf16 of one step in depth of a panel: two tiles of 16 x 16.
const STEP: usize = 512;

/// What multiplies panels.
#[derive(Clone, Copy)]
enum Unit {
    #[cfg(target_os = "linux")]
    Tiles,
    Vectors,
}

impl Unit {
    /// The fastest of this machine. Packing uses vectors, which every CPU with tiles has.
    fn best() -> Option<Self> {
        if !vectors::available() {
            return None;
        }
        #[cfg(target_os = "linux")]
        if tiles::available() {
            return Some(Self::Tiles);
        }
        Some(Self::Vectors)
    }
}

/// Whether this process may use such a unit.
pub fn available() -> bool {
    Unit::best().is_some()
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
    let Some(unit) = Unit::best() else { unreachable!("asked for only where it is available") };
    multiply(unit, (m, k, n), (lhs, lhs_strides), (rhs, rhs_strides), dst, accumulate);
}

/// [`gemm`] on one unit.
fn multiply(
    unit: Unit,
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
        #[cfg(target_os = "linux")]
        let tiles = matches!(unit, Unit::Tiles).then(tiles::Tiles::configure);
        let product = |left: &[u32], right: &[u32], dst: &mut [f32], width, add| match unit {
            #[cfg(target_os = "linux")]
            Unit::Tiles => tiles.iter().for_each(|tiles| tiles.multiply(left, right, dst, width, add)),
            Unit::Vectors => vectors::multiply(left, right, dst, width, add),
        };
        let [left, right] = [(&panels.left, m), (&panels.right, n)]
            .map(|(packed, outer)| packed[..outer.div_ceil(PANEL) * steps * STEP].chunks_exact(steps * STEP));
        for (j, right) in right.enumerate() {
            for (i, left) in left.clone().enumerate() {
                let (row, column) = (i * PANEL, j * PANEL);
                let (rows, columns) = (PANEL.min(m - row), PANEL.min(n - column));
                let at = row * n + column;
                if (rows, columns) == (PANEL, PANEL) {
                    product(left, right, &mut dst[at..], n, accumulate);
                    continue;
                }
                let mut edge = [0f32; PANEL * PANEL];
                product(left, right, &mut edge, PANEL, false);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::machine::gemm::{row_major, transposed};
    use crate::rng::CounterRng;

    fn numbers(count: usize, name: &'static str) -> Vec<f32> {
        let rng = CounterRng::new(5, name);
        (0..count).map(|i| rng.uniform_at(i as u64) - 0.5).collect()
    }

    /// Every one that this machine has.
    fn units() -> Vec<Unit> {
        let best = Unit::best();
        let vectors = best.map(|_| Unit::Vectors);
        best.into_iter().filter(|best| !matches!(best, Unit::Vectors)).chain(vectors).collect()
    }

    fn rounded(x: f32) -> f64 {
        f64::from(half::bf16::from_f32(x).to_f32())
    }

    #[test]
    fn equals_the_product_of_the_rounded_matrices_in_every_layout() {
        let units = units();
        if units.is_empty() {
            eprintln!("SKIPPED: this CPU has no unit for bf16");
        }
        for (m, k, n) in [(32, 32, 32), (1, 1, 1), (70, 45, 33), (33, 96, 64), (200, 129, 47)] {
            let (a, b) = (numbers(m * k, "a"), numbers(k * n, "b"));
            for (sa, sb) in [
                (row_major(k), row_major(n)),
                (transposed(m), row_major(n)),
                (row_major(k), transposed(k)),
                (transposed(m), transposed(k)),
            ] {
                for (&unit, accumulate) in units.iter().flat_map(|unit| [(unit, false), (unit, true)]) {
                    let mut c = vec![1f32; m * n];
                    multiply(unit, (m, k, n), (&a, sa), (&b, sb), &mut c, accumulate);
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
