//! AdamW with decoupled weight decay as PyTorch computes it, moments that can be saved, and global-norm clipping; matrices can be
//! left to Muon.
//!
//! candle_nn's AdamW keeps its moments private, so a training with it cannot be resumed exactly.

use super::muon;
use crate::error::{Error, Result};
use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, InplaceOp2, Layout, Tensor, Var};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Numbers a rayon task updates at once.
const CHUNK: usize = 16 * 1024;

/// Constants of AdamW.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdamWConfig {
    /// Decay of the gradient's mean.
    pub beta1: f64,
    /// Decay of the gradient's square.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub eps: f64,
    /// Decoupled: parameters shrink by lr·weight_decay a step.
    pub weight_decay: f64,
}

impl AdamWConfig {
    /// InterMask's: betas (0.9, 0.99), eps 1e-8 and the given decay (VQ-VAE 0, transformer 1e-5).
    pub fn intermask(weight_decay: f64) -> Self {
        Self { beta1: 0.9, beta2: 0.99, eps: 1e-8, weight_decay }
    }
}

/// The optimiser: variables, their moments, and how many steps were made.
pub struct AdamW {
    config: AdamWConfig,
    vars: Vec<(String, Var)>,
    /// (2, n) for each variable: first and second moment; (1, n) of Muon's: momentum.
    moments: Vec<Tensor>,
    /// For each variable that is Muon's, how many matrices it holds below one another.
    muon: Vec<Option<usize>>,
    /// Factor on the learning rate of each variable.
    scales: Vec<f64>,
    step: u64,
}

/// Gradients by variable name.
pub type Gradients = HashMap<String, Tensor>;

/// Pick the gradient of each variable out of a backward pass.
///
/// A variable without one is an error: some operation on its way stopped the gradient, and it would never train.
pub fn gradients(vars: &[(String, Var)], store: &mut GradStore) -> Result<Gradients> {
    let mut gradients = HashMap::with_capacity(vars.len());
    for (name, var) in vars {
        let gradient = store.remove(var.as_tensor()).ok_or_else(|| {
            Error::internal(
                "no_gradient",
                format!("variable `{name}` received no gradient and would not train"),
            )
        })?;
        gradients.insert(name.clone(), gradient);
    }
    Ok(gradients)
}

/// Euclidean norm of one tensor, summed in f64.
pub fn norm(tensor: &Tensor) -> Result<f64> {
    Ok(squared_sum(tensor)?.sqrt())
}

fn squared_sum(tensor: &Tensor) -> Result<f64> {
    let values = tensor.flatten_all()?.to_vec1::<f32>()?;
    // Chunk sums are collected in order, so that the result does not depend on the number of threads.
    let parts: Vec<f64> = values
        .par_chunks(CHUNK)
        .map(|chunk| chunk.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>())
        .collect();
    Ok(parts.iter().sum())
}

impl AdamW {
    /// An optimiser whose moments are zero.
    pub fn new(vars: Vec<(String, Var)>, config: AdamWConfig) -> Result<Self> {
        let moments = vars
            .iter()
            .map(|(_, var)| Tensor::zeros((2, var.elem_count()), var.dtype(), var.device()))
            .collect::<candle_core::Result<_>>()?;
        let scales = vec![1.0; vars.len()];
        let muon = vec![None; vars.len()];
        Ok(Self { config, vars, moments, muon, scales, step: 0 })
    }

    /// Leave variables to Muon ([`muon`]): those of which `matrices` says how many matrices they hold below one another.
    pub fn with_muon(mut self, matrices: impl Fn(&str, &Var) -> Option<usize>) -> Result<Self> {
        self.muon = self.vars.iter().map(|(name, var)| matrices(name, var)).collect();
        for (moments, _) in self.moments.iter_mut().zip(&self.muon).filter(|(_, muon)| muon.is_some()) {
            *moments = moments.narrow(0, 0, 1)?.copy()?;
        }
        Ok(self)
    }

    /// Multiply the learning rate of each variable by `scale` of its name.
    #[must_use]
    pub fn with_scales(mut self, scale: impl Fn(&str) -> f64) -> Self {
        self.scales = self.vars.iter().map(|(name, _)| scale(name)).collect();
        self
    }

    /// The variables it trains.
    pub fn vars(&self) -> &[(String, Var)] {
        &self.vars
    }

    /// Steps made so far.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// One step with rate `lr`. Gradients are scaled so that their global norm is at most `clip`, as
    /// `torch.nn.utils.clip_grad_norm_` does. Returns the global norm before clipping.
    ///
    /// # Errors
    /// `no_gradient` names a variable without a gradient; `training_diverged` when a gradient is not finite. Nothing is changed then.
    pub fn step(&mut self, gradients: &Gradients, lr: f64, clip: Option<f64>) -> Result<f64> {
        let mut ordered = Vec::with_capacity(self.vars.len());
        let mut total = 0.0;
        for (name, _) in &self.vars {
            let gradient = gradients.get(name).ok_or_else(|| {
                Error::internal("no_gradient", format!("variable `{name}` received no gradient"))
            })?;
            total += squared_sum(gradient)?;
            ordered.push(gradient);
        }
        let norm = total.sqrt();
        if !norm.is_finite() {
            return Err(Error::invalid(
                "training_diverged",
                "the gradient is no longer finite; start a new run with a lower --lr: of `train vq` and `train transformer` from \
                 this one's best weights (--from RUN --checkpoint best --lr RATE --out OTHER), of `train text` from the beginning",
            ));
        }
        let scale = clip.map_or(1.0, |limit| (limit / (norm + 1e-6)).min(1.0));
        self.step += 1;
        let update = Update { config: self.config, scale, lr, step: self.step };
        let each = self.vars.iter().zip(&mut self.moments).zip(ordered).zip(&self.scales).zip(&self.muon);
        let (matrices, others): (Vec<_>, Vec<_>) = each.partition(|(_, muon)| muon.is_some());
        for ((((_, var), moments), gradient), share) in others.into_iter().map(|(other, _)| other) {
            Update { lr: lr * share, ..update }.apply(var, moments, gradient)?;
        }
        matrices.into_par_iter().try_for_each(|(((((_, var), moments), gradient), share), stacked)| {
            let (lr, decay) = (lr * share, update.config.weight_decay);
            *moments = muon::step(var, moments, &(gradient * scale)?, stacked.unwrap_or(1), lr, decay)?;
            Ok::<_, Error>(())
        })?;
        Ok(norm)
    }

    /// Moments and step as tensors, `adam.<variable>` each (2, n), of Muon's (1, n).
    pub fn state(&self) -> Vec<(String, Tensor)> {
        self.vars
            .iter()
            .zip(&self.moments)
            .map(|((name, _), m)| (format!("adam.{name}"), m.clone()))
            .collect()
    }

    /// Continue from [`AdamW::state`] after `step` steps.
    pub fn restore(&mut self, tensors: &HashMap<String, Tensor>, step: u64) -> Result<()> {
        for ((name, _), moments) in self.vars.iter().zip(&mut self.moments) {
            let saved = tensors.get(&format!("adam.{name}")).filter(|saved| saved.shape() == moments.shape());
            let saved = saved.ok_or_else(|| {
                Error::corrupt(
                    "checkpoint_optimizer",
                    format!("the checkpoint's optimiser state for `{name}` is missing or has another shape"),
                )
            })?;
            // A copy of its own: the update writes into it.
            *moments = saved.to_device(moments.device())?.copy()?;
        }
        self.step = step;
        Ok(())
    }
}

/// What one step does to one variable.
#[derive(Clone, Copy)]
struct Update {
    config: AdamWConfig,
    scale: f64,
    lr: f64,
    step: u64,
}

impl Update {
    fn apply(&self, var: &Var, moments: &mut Tensor, gradient: &Tensor) -> Result<()> {
        let gradient = gradient.contiguous()?.flatten_all()?;
        if var.device().is_cpu() {
            moments.inplace_op2(&gradient, &UpdateMoments(*self))?;
            var.inplace_op2(moments, &ApplyMoments(*self))?;
            return Ok(());
        }
        let c = &self.config;
        let gradient = (gradient * self.scale)?;
        let first = ((moments.get(0)? * c.beta1)? + (&gradient * (1.0 - c.beta1))?)?;
        let second = ((moments.get(1)? * c.beta2)? + (gradient.sqr()? * (1.0 - c.beta2))?)?;
        let root = ((second.sqrt()? / self.correction2().sqrt())? + c.eps)?;
        let change = ((&first / root)? * (self.lr / self.correction1()))?.reshape(var.shape())?;
        var.set(&((var.as_tensor() * (1.0 - self.lr * c.weight_decay))? - change)?)?;
        *moments = Tensor::stack(&[first, second], 0)?;
        Ok(())
    }

    fn correction1(&self) -> f64 {
        1.0 - self.config.beta1.powi(self.step as i32)
    }

    fn correction2(&self) -> f64 {
        1.0 - self.config.beta2.powi(self.step as i32)
    }
}

/// moments ← β·moments + (1−β)·(g, g²).
struct UpdateMoments(Update);

impl InplaceOp2 for UpdateMoments {
    fn name(&self) -> &'static str {
        "adamw-moments"
    }

    fn cpu_fwd(
        &self,
        moments: &mut CpuStorage,
        moments_layout: &Layout,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
    ) -> candle_core::Result<()> {
        let (moments, gradient) = (writable(moments, moments_layout)?, readable(gradient, gradient_layout)?);
        let (first, second) = moments.split_at_mut(gradient.len());
        let scale = self.0.scale as f32;
        let (b1, b2) = (self.0.config.beta1 as f32, self.0.config.beta2 as f32);
        let (a1, a2) = ((1.0 - self.0.config.beta1) as f32, (1.0 - self.0.config.beta2) as f32);
        first
            .par_chunks_mut(CHUNK)
            .zip(second.par_chunks_mut(CHUNK))
            .zip(gradient.par_chunks(CHUNK))
            .for_each(|((first, second), gradient)| {
                for ((m, v), g) in first.iter_mut().zip(second).zip(gradient) {
                    let g = g * scale;
                    *m = b1 * *m + a1 * g;
                    *v = b2 * *v + a2 * g * g;
                }
            });
        Ok(())
    }
}

/// p ← (1 − lr·wd)·p − lr/(1−β₁ᵗ) · m / (sqrt(v)/sqrt(1−β₂ᵗ) + ε).
struct ApplyMoments(Update);

impl InplaceOp2 for ApplyMoments {
    fn name(&self) -> &'static str {
        "adamw-apply"
    }

    fn cpu_fwd(
        &self,
        var: &mut CpuStorage,
        var_layout: &Layout,
        moments: &CpuStorage,
        moments_layout: &Layout,
    ) -> candle_core::Result<()> {
        let (var, moments) = (writable(var, var_layout)?, readable(moments, moments_layout)?);
        let (first, second) = moments.split_at(var.len());
        let keep = (1.0 - self.0.lr * self.0.config.weight_decay) as f32;
        let rate = (self.0.lr / self.0.correction1()) as f32;
        let root = self.0.correction2().sqrt() as f32;
        let eps = self.0.config.eps as f32;
        var.par_chunks_mut(CHUNK).zip(first.par_chunks(CHUNK)).zip(second.par_chunks(CHUNK)).for_each(
            |((var, first), second)| {
                for ((p, m), v) in var.iter_mut().zip(first).zip(second) {
                    *p = keep * *p - rate * m / (v.sqrt() / root + eps);
                }
            },
        );
        Ok(())
    }
}

fn writable<'a>(storage: &'a mut CpuStorage, layout: &Layout) -> candle_core::Result<&'a mut [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(values), Some((start, end))) => Ok(&mut values[start..end]),
        _ => candle_core::bail!("the optimiser trains contiguous f32 variables"),
    }
}

fn readable<'a>(storage: &'a CpuStorage, layout: &Layout) -> candle_core::Result<&'a [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(values), Some((start, end))) => Ok(&values[start..end]),
        _ => candle_core::bail!("the optimiser reads contiguous f32 gradients"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use candle_core::Device;

    fn setup(weight_decay: f64) -> (Var, AdamW) {
        let var = Var::new(&[1.0f32, -2.0, 0.5], &Device::Cpu).unwrap();
        let vars = vec![("w".to_owned(), var.clone())];
        (var, AdamW::new(vars, AdamWConfig::intermask(weight_decay)).unwrap())
    }

    fn gradient(values: &[f32]) -> Gradients {
        HashMap::from([("w".to_owned(), Tensor::new(values, &Device::Cpu).unwrap())])
    }

    /// AdamW in f64 as PyTorch's documentation states it.
    fn reference(weight_decay: f64, steps: &[[f64; 3]], lr: f64) -> [f64; 3] {
        let (mut p, mut m, mut v) = ([1.0, -2.0, 0.5], [0.0; 3], [0.0; 3]);
        for (t, g) in steps.iter().enumerate() {
            for k in 0..3 {
                p[k] -= lr * weight_decay * p[k];
                m[k] = 0.9 * m[k] + 0.1 * g[k];
                v[k] = 0.99 * v[k] + 0.01 * g[k] * g[k];
                let (c1, c2) = (1.0 - 0.9f64.powi(t as i32 + 1), 1.0 - 0.99f64.powi(t as i32 + 1));
                p[k] -= lr * (m[k] / c1) / ((v[k] / c2).sqrt() + 1e-8);
            }
        }
        p
    }

    #[test]
    fn agrees_with_the_formula() {
        let (var, mut adam) = setup(0.1);
        let steps = [[0.3, -0.2, 0.01], [0.1, 0.4, -0.5], [-0.7, 0.1, 0.2]];
        for g in &steps {
            adam.step(&gradient(&g.map(|v| v as f32)), 1e-2, None).unwrap();
        }
        let expected = reference(0.1, &steps, 1e-2);
        for (ours, theirs) in var.to_vec1::<f32>().unwrap().iter().zip(expected) {
            assert!((f64::from(*ours) - theirs).abs() < 1e-6, "{ours} against {theirs}");
        }
    }

    #[test]
    fn clipping_bounds_the_norm_and_reports_it_before() {
        let (var, mut adam) = setup(0.0);
        let norm = adam.step(&gradient(&[3.0, 4.0, 0.0]), 1e-2, Some(1.0)).unwrap();
        assert!((norm - 5.0).abs() < 1e-9);
        let expected = reference(0.0, &[[0.6, 0.8, 0.0]], 1e-2);
        for (ours, theirs) in var.to_vec1::<f32>().unwrap().iter().zip(expected) {
            assert!((f64::from(*ours) - theirs).abs() < 1e-6);
        }
    }

    #[test]
    fn saved_and_restored_moments_continue_bit_for_bit() {
        let g = |k: f32| gradient(&[0.3 * k, -0.2, 0.01 + k]);
        let (through, mut adam) = setup(1e-5);
        for k in 0..6 {
            adam.step(&g(k as f32), 1e-2, Some(1.0)).unwrap();
        }
        let (first, mut adam) = setup(1e-5);
        for k in 0..3 {
            adam.step(&g(k as f32), 1e-2, Some(1.0)).unwrap();
        }
        let state: HashMap<_, _> = adam.state().into_iter().map(|(n, t)| (n, t.copy().unwrap())).collect();
        let (second, mut adam) = setup(1e-5);
        second.set(first.as_tensor()).unwrap();
        adam.restore(&state, 3).unwrap();
        for k in 3..6 {
            adam.step(&g(k as f32), 1e-2, Some(1.0)).unwrap();
        }
        assert_eq!(through.to_vec1::<f32>().unwrap(), second.to_vec1::<f32>().unwrap());
    }

    #[test]
    fn what_is_left_to_muon_is_moved_by_it_and_continues_bit_for_bit() {
        let start = || Var::new(&[[1.0f32, -2.0], [0.5, 3.0]], &Device::Cpu).unwrap();
        let optimiser = |var: &Var| {
            let vars = vec![("w".to_owned(), var.clone())];
            let adam = AdamW::new(vars, AdamWConfig::intermask(0.0)).unwrap();
            adam.with_muon(|name, _| (name == "w").then_some(1)).unwrap()
        };
        let gradient = |k: f32| {
            let values = Tensor::new(&[[0.3 * k, -0.2], [0.01, k]], &Device::Cpu).unwrap();
            HashMap::from([("w".to_owned(), values)])
        };
        let (through, first, second) = (start(), start(), start());
        let (mut adam, mut before, mut after) = (optimiser(&through), optimiser(&first), optimiser(&second));
        (1..=4).for_each(|k| {
            adam.step(&gradient(k as f32), 0.1, None).unwrap();
        });
        (1..=2).for_each(|k| {
            before.step(&gradient(k as f32), 0.1, None).unwrap();
        });
        second.set(first.as_tensor()).unwrap();
        after.restore(&before.state().into_iter().collect(), 2).unwrap();
        (3..=4).for_each(|k| {
            after.step(&gradient(k as f32), 0.1, None).unwrap();
        });
        let values = |var: &Var| var.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(values(&through), values(&second));
        // AdamW moves each number by the rate; a rotation of that gradient moves some by less.
        let moved: Vec<f32> =
            values(&start()).iter().zip(values(&first)).map(|(a, b)| (a - b).abs()).collect();
        assert!(moved.iter().any(|by| *by < 0.05), "{moved:?}");
    }

    #[test]
    fn scales_slow_down_the_variables_they_name() {
        let (plain, mut fast) = setup(0.0);
        let (slow_var, slow) = setup(0.0);
        let mut slow = slow.with_scales(|name| if name == "w" { 0.1 } else { 1.0 });
        fast.step(&gradient(&[0.3, -0.2, 0.1]), 1e-3, None).unwrap();
        slow.step(&gradient(&[0.3, -0.2, 0.1]), 1e-2, None).unwrap();
        for (a, b) in plain.to_vec1::<f32>().unwrap().iter().zip(slow_var.to_vec1::<f32>().unwrap()) {
            assert!((a - b).abs() < 1e-7, "{a} against {b}");
        }
    }

    #[test]
    fn a_variable_without_gradient_is_named() {
        let (_, mut adam) = setup(0.0);
        let error = adam.step(&HashMap::new(), 1e-2, None).unwrap_err();
        assert_eq!(error.code(), "no_gradient");
        assert!(error.to_string().contains("`w`"));
    }

    #[test]
    fn a_gradient_that_is_not_finite_changes_nothing() {
        let (var, mut adam) = setup(0.0);
        let error = adam.step(&gradient(&[f32::NAN, 0.0, 0.0]), 1e-2, Some(1.0)).unwrap_err();
        assert_eq!((error.code(), error.kind()), ("training_diverged", ErrorKind::Invalid));
        assert_eq!(var.to_vec1::<f32>().unwrap(), [1.0, -2.0, 0.5]);
    }
}
