//! Eigenvalues of small symmetric matrices.

/// Eigenvalues, in no order, and the eigenvectors as columns in theirs, by cyclic Jacobi rotations.
pub(crate) fn symmetric_eigen<const N: usize>(mut k: [[f64; N]; N]) -> ([f64; N], [[f64; N]; N]) {
    let mut vectors: [[f64; N]; N] =
        std::array::from_fn(|i| std::array::from_fn(|j| f64::from(u8::from(i == j))));
    // Quadratic convergence: 4x4 matrices settle within six sweeps, 16x16 within ten; sixteen bound the loop.
    for _ in 0..16 {
        let off: f64 =
            (0..N).flat_map(|p| (p + 1..N).map(move |q| (p, q))).map(|(p, q)| k[p][q].powi(2)).sum();
        if off < 1e-30 {
            break;
        }
        for p in 0..N.saturating_sub(1) {
            for q in p + 1..N {
                if k[p][q].abs() < 1e-300 {
                    continue;
                }
                let theta = (k[q][q] - k[p][p]) / (2.0 * k[p][q]);
                let t = theta.signum() / (theta.abs() + theta.hypot(1.0));
                let c = 1.0 / t.hypot(1.0);
                let s = t * c;
                for row in &mut k {
                    (row[p], row[q]) = (c * row[p] - s * row[q], s * row[p] + c * row[q]);
                }
                // A rotated by J from both sides: columns above, rows here.
                let (upper, lower) = k.split_at_mut(q);
                for (a, b) in upper[p].iter_mut().zip(&mut lower[0]) {
                    (*a, *b) = (c * *a - s * *b, s * *a + c * *b);
                }
                for row in &mut vectors {
                    (row[p], row[q]) = (c * row[p] - s * row[q], s * row[p] + c * row[q]);
                }
            }
        }
    }
    (std::array::from_fn(|i| k[i][i]), vectors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_is_put_together_again_from_its_eigenvectors() {
        // Symmetric, full, of no special form.
        let k: [[f64; 7]; 7] = std::array::from_fn(|i| {
            std::array::from_fn(|j| ((i * j + 1) as f64).sin() + ((i + j) as f64).cos() * 3.0)
        });
        let (values, vectors) = symmetric_eigen(k);
        for i in 0..7 {
            for j in 0..7 {
                let back: f64 = (0..7).map(|n| vectors[i][n] * values[n] * vectors[j][n]).sum();
                let unit: f64 = (0..7).map(|n| vectors[n][i] * vectors[n][j]).sum();
                assert!((back - k[i][j]).abs() < 1e-9, "{i} {j}");
                assert!((unit - f64::from(u8::from(i == j))).abs() < 1e-9, "{i} {j}");
            }
        }
    }
}
