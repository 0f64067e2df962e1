//! Attention of one head at a time, over rows that lie anywhere in a wider matrix.

use super::Mask;
use crate::nn::dropout::DropMask;
use crate::nn::machine::gemm::{Strides, gemm, row_major};
use crate::nn::ops::softmax::{softmax_rows, softmax_rows_gradient};
use candle_core::{CpuStorage, Layout, Result};
use rayon::prelude::*;

/// The scale of scores.
pub fn scale(d: usize, heads: usize) -> f32 {
    1.0 / ((d / heads) as f32).sqrt()
}

/// Which rows of a matrix belong together: row i of group g is (g / inner)·outer + g mod inner + i·apart.
#[derive(Clone, Copy, Debug)]
pub struct Groups {
    /// How many there are.
    pub count: usize,
    /// Rows of each.
    pub size: usize,
    /// Groups that interleave.
    inner: usize,
    /// Rows between the starts of neighbouring bundles of interleaved groups.
    outer: usize,
    /// Rows between neighbours of a group.
    apart: usize,
}

impl Groups {
    /// Consecutive rows.
    pub fn runs(rows: usize, size: usize) -> Self {
        Self { count: rows / size.max(1), size, inner: 1, outer: size, apart: 1 }
    }

    /// Rows `apart` from each other within each of `items` runs of `n`.
    pub fn across(items: usize, n: usize, apart: usize) -> Self {
        Self { count: items * apart, size: n / apart, inner: apart, outer: n, apart }
    }

    /// Group and place of a row.
    fn place(&self, row: usize) -> (usize, usize) {
        let (bundle, rest) = (row / self.outer, row % self.outer);
        (bundle * self.inner + rest % self.apart, rest / self.apart)
    }

    fn rows(&self) -> usize {
        self.count * self.size
    }
}

/// Groups of rows of width d, possibly columns of a wider matrix.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    data: &'a [f32],
    /// Numbers from a row of a group to the next.
    row: usize,
    /// Interleaved groups, and numbers between their starts and between bundles of them.
    inner: usize,
    step: usize,
    outer: usize,
    /// Group g stands for group (g + shift) mod count.
    shift: usize,
    count: usize,
}

impl<'a> Rows<'a> {
    /// A (B, rows, d) tensor whose last axis is contiguous, possibly a slice of a wider one: one group an item.
    pub fn of_items(storage: &'a CpuStorage, layout: &Layout) -> Result<Self> {
        let (&[count, _, _], &[outer, row, 1]) = (layout.dims(), layout.stride()) else {
            candle_core::bail!("attention needs (B, N, d) with contiguous channels");
        };
        let data = &storage.as_slice::<f32>()?[layout.start_offset()..];
        Ok(Self { data, row, inner: 1, step: 0, outer, shift: 0, count })
    }

    /// Columns `from..` of a matrix of `wide` columns.
    pub fn column(data: &'a [f32], wide: usize, from: usize, groups: Groups, shift: usize) -> Self {
        Self {
            data: &data[from..],
            row: groups.apart * wide,
            inner: groups.inner,
            step: wide,
            outer: groups.outer * wide,
            shift,
            count: groups.count,
        }
    }

    /// Head `head` of width `width` in `group`: a matrix that starts at the slice's beginning.
    fn head(&self, group: usize, head: usize, width: usize) -> &'a [f32] {
        let group = if self.shift == 0 { group } else { (group + self.shift) % self.count };
        &self.data[group / self.inner * self.outer + group % self.inner * self.step + head * width..]
    }

    fn by_row(&self) -> Strides {
        Strides { rows: self.row, cols: 1 }
    }

    fn by_column(&self) -> Strides {
        Strides { rows: 1, cols: self.row }
    }
}

/// Sizes and settings of one attention.
pub struct Heads {
    n: usize,
    m: usize,
    /// Width of all heads together.
    pub d: usize,
    heads: usize,
    mask: Mask,
    drop: Option<DropMask>,
}

impl Heads {
    /// `n` queries and `m` keys a group.
    pub fn new(
        n: usize,
        m: usize,
        d: usize,
        heads: usize,
        mask: Mask,
        drop: Option<DropMask>,
    ) -> Result<Self> {
        if heads == 0 || !d.is_multiple_of(heads) {
            candle_core::bail!("attention: width {d} does not fit {heads} heads");
        }
        Ok(Self { n, m, d, heads, mask, drop })
    }

    fn width(&self) -> usize {
        self.d / self.heads
    }

    /// Softmax weights (n, m) of one head into `weights`.
    fn weights(&self, q: Rows, k: Rows, group: usize, head: usize, weights: &mut Vec<f32>) {
        let width = self.width();
        weights.resize(self.n * self.m, 0.0);
        gemm(
            (self.n, width, self.m),
            q.head(group, head, width),
            q.by_row(),
            k.head(group, head, width),
            k.by_column(),
            weights,
            false,
        );
        match &self.mask {
            Mask::None => {}
            Mask::Keys(mask) => {
                let mask = &mask[group * self.m..][..self.m];
                for row in weights.chunks_exact_mut(self.m) {
                    row.iter_mut().zip(mask).for_each(|(w, m)| *w += m);
                }
            }
            Mask::Causal => {
                for (i, row) in weights.chunks_exact_mut(self.m).enumerate() {
                    row[(i + 1).min(self.m)..].fill(f32::NEG_INFINITY);
                }
            }
        }
        softmax_rows(weights, self.m, scale(self.d, self.heads));
    }

    fn drop(&self, group: usize, head: usize, weights: &mut [f32]) {
        if let Some(drop) = self.drop {
            drop.nth((group * self.heads + head) as u64).scale(0, weights);
        }
    }

    /// Heads of `count` groups: (count, heads, n, width).
    pub fn forward(&self, count: usize, q: Rows, k: Rows, v: Rows) -> Vec<f32> {
        let width = self.width();
        let mut out = vec![0f32; count * self.n * self.d];
        out.par_chunks_mut(self.n * width).enumerate().for_each_init(Vec::new, |weights, (task, out)| {
            let (group, head) = (task / self.heads, task % self.heads);
            self.weights(q, k, group, head, weights);
            self.drop(group, head, weights);
            let values = v.head(group, head, width);
            gemm((self.n, self.m, width), weights, row_major(self.m), values, v.by_row(), out, false);
        });
        out
    }

    /// Derivatives by queries, keys and values, given that by the result: (count, heads, rows, width) each.
    pub fn backward(&self, count: usize, q: Rows, k: Rows, v: Rows, grad: Rows) -> [Vec<f32>; 3] {
        let width = self.width();
        let (n, m) = (self.n, self.m);
        let [mut dq, mut dk, mut dv] = [n, m, m].map(|rows| vec![0f32; count * rows * self.d]);
        let heads =
            dq.par_chunks_mut(n * width).zip(dk.par_chunks_mut(m * width)).zip(dv.par_chunks_mut(m * width));
        heads.enumerate().for_each_init(
            || (Vec::new(), Vec::new(), Vec::new()),
            |(weights, dropped, d_weights), (task, ((dq, dk), dv))| {
                let (group, head) = (task / self.heads, task % self.heads);
                self.weights(q, k, group, head, weights);
                let g = grad.head(group, head, width);
                let columns = Strides { rows: 1, cols: m };
                // dV = Wᵀ·G; dW = G·Vᵀ, through the same mask; dS through the softmax; dQ = dS·K, dK = dSᵀ·Q.
                let used = if self.drop.is_some() {
                    dropped.clone_from(weights);
                    self.drop(group, head, dropped);
                    &*dropped
                } else {
                    &*weights
                };
                gemm((m, n, width), used, columns, g, grad.by_row(), dv, false);
                d_weights.resize(n * m, 0.0);
                let values = v.head(group, head, width);
                gemm((n, width, m), g, grad.by_row(), values, v.by_column(), d_weights, false);
                self.drop(group, head, d_weights);
                softmax_rows_gradient(weights, d_weights, m, scale(self.d, self.heads));
                let keys = k.head(group, head, width);
                gemm((n, m, width), d_weights, row_major(m), keys, k.by_row(), dq, false);
                let queries = q.head(group, head, width);
                gemm((m, n, width), d_weights, columns, queries, q.by_row(), dk, false);
            },
        );
        [dq, dk, dv]
    }

    /// (count, heads, size, width) -> (rows, d).
    pub fn merge(&self, heads: &[f32], groups: Groups) -> Vec<f32> {
        self.side_by_side(&[(heads, 0)], groups)
    }

    /// Several of (count, heads, size, width), each with the shift of its groups -> (rows, several·d).
    pub fn side_by_side(&self, parts: &[(&[f32], usize)], groups: Groups) -> Vec<f32> {
        let (d, width) = (self.d, self.width());
        let wide = parts.len() * d;
        let mut out = vec![0f32; groups.rows() * wide];
        out.par_chunks_mut(wide).with_min_len(32).enumerate().for_each(|(row, out)| {
            let (group, place) = groups.place(row);
            for ((part, shift), out) in parts.iter().zip(out.chunks_exact_mut(d)) {
                let group = (group + groups.count - shift) % groups.count;
                for (head, out) in out.chunks_exact_mut(width).enumerate() {
                    let at = (group * self.heads + head) * groups.size + place;
                    out.copy_from_slice(&part[at * width..][..width]);
                }
            }
        });
        out
    }
}
