//! Principal components: the directions in which vectors differ most, so that fewer numbers say nearly the same.

use crate::error::{Error, Result};
use crate::rng::CounterRng;
use candle_core::{Device, Tensor};

/// Rounds of orthogonal iteration; the subspace of word vectors stands still to four digits long before.
const ROUNDS: usize = 40;
/// Rows whose part of the covariance is worked out at once.
const ROWS: usize = 4096;

/// What a reduction keeps.
pub struct Components {
    /// (d), subtracted first.
    mean: Tensor,
    /// (d, k), orthonormal columns, the largest variance first.
    axes: Tensor,
    /// Share of the variance that is kept, 0..1.
    pub kept: f64,
}

impl Components {
    /// The first `k` principal components of `rows` (n, d), k at most d.
    ///
    /// # Errors
    /// `pca_size` when there are fewer than `k` dimensions.
    pub fn of(rows: &Tensor, k: usize) -> Result<Self> {
        let (n, d) = rows.dims2()?;
        if k > d || n < 2 {
            return Err(Error::invalid("pca_size", format!("{k} components do not fit {n} vectors of {d}")));
        }
        let mean = rows.mean(0)?;
        let mut covariance = Tensor::zeros((d, d), rows.dtype(), rows.device())?;
        for start in (0..n).step_by(ROWS) {
            let some = rows.narrow(0, start, ROWS.min(n - start))?.broadcast_sub(&mean)?;
            covariance = (covariance + some.t()?.matmul(&some)?)?;
        }
        let covariance = (covariance / n as f64)?;
        let total: f32 =
            (0..d).map(|i| covariance.get(i)?.get(i)?.to_scalar::<f32>()).sum::<candle_core::Result<_>>()?;
        let rng = CounterRng::new(0, "principal components");
        let start: Vec<f32> = (0..d * k).map(|i| rng.normal_at(i as u64)).collect();
        let mut axes = orthonormal(start, d, k)?;
        for _ in 0..ROUNDS {
            axes = orthonormal(covariance.matmul(&axes)?.t()?.flatten_all()?.to_vec1()?, d, k)?;
        }
        let kept = (covariance.matmul(&axes)? * &axes)?.sum_all()?.to_scalar::<f32>()?;
        Ok(Self { mean, axes, kept: f64::from(kept) / f64::from(total) })
    }

    /// What is subtracted (d), and the axes as columns (d, k).
    pub fn map(&self) -> (&Tensor, &Tensor) {
        (&self.mean, &self.axes)
    }

    /// (n, d) -> (n, k).
    pub fn reduce(&self, rows: &Tensor) -> Result<Tensor> {
        Ok(rows.broadcast_sub(&self.mean)?.matmul(&self.axes)?)
    }
}

/// `k` vectors of `d` numbers one after the other, made orthonormal (modified Gram-Schmidt) and laid as columns (d, k).
fn orthonormal(vectors: Vec<f32>, d: usize, k: usize) -> Result<Tensor> {
    let mut vectors: Vec<Vec<f64>> =
        vectors.chunks_exact(d).map(|v| v.iter().map(|x| f64::from(*x)).collect()).collect();
    for i in 0..k {
        let (done, rest) = vectors.split_at_mut(i);
        let Some(v) = rest.first_mut() else { break };
        for u in done.iter() {
            let along: f64 = u.iter().zip(v.iter()).map(|(a, b)| a * b).sum();
            v.iter_mut().zip(u).for_each(|(a, b)| *a -= along * b);
        }
        let norm = v.iter().map(|a| a * a).sum::<f64>().sqrt().max(1e-30);
        v.iter_mut().for_each(|a| *a /= norm);
    }
    let flat: Vec<f32> = vectors.iter().flatten().map(|x| *x as f32).collect();
    Ok(Tensor::from_vec(flat, (k, d), &Device::Cpu)?.t()?.contiguous()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_plane_in_which_vectors_lie() {
        // Points of a plane in five dimensions, far from the origin, and a little noise.
        let rng = CounterRng::new(4, "points");
        let (u, v) = ([1.0, 2.0, 0.0, -1.0, 0.5], [0.0, 1.0, -1.0, 0.5, 2.0]);
        let points: Vec<f32> = (0..400u64)
            .flat_map(|i| {
                let (a, b) = (3.0 * rng.normal_at(4 * i), rng.normal_at(4 * i + 1));
                (0..5).map(move |j| 7.0 + a * u[j] + b * v[j] + 1e-3 * rng.normal_at(1000 + 8 * i + j as u64))
            })
            .collect();
        let rows = Tensor::from_vec(points, (400, 5), &Device::Cpu).unwrap();
        let two = Components::of(&rows, 2).unwrap();
        assert!(two.kept > 0.9999, "{}", two.kept);
        let one = Components::of(&rows, 1).unwrap();
        assert!(one.kept > 0.5 && one.kept < 0.99, "{}", one.kept);
        // Distances survive.
        let small = two.reduce(&rows).unwrap();
        let distance = |t: &Tensor| {
            let gap = (t.get(0).unwrap() - t.get(1).unwrap()).unwrap();
            gap.sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap().sqrt()
        };
        assert!((distance(&rows) - distance(&small)).abs() < 1e-2);
        assert!(Components::of(&rows, 6).is_err());
    }
}
