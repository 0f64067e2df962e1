//! Scaled dot-product attention, head by head.
//!
//! The (queries × keys) weights of one head live in a thread's scratch memory and are worked out again for the backward
//! pass: as tensors of their own they made up most of a training step's memory traffic.

mod heads;

use crate::nn::dropout::DropMask;
use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, CustomOp3, Device, Layout, Result, Shape, Storage, Tensor,
};
use heads::{Groups, Heads, Rows, scale};
use std::sync::Arc;

/// Which keys a query may look at.
#[derive(Clone, Debug)]
pub enum Mask {
    /// All of them.
    None,
    /// Those up to its own position.
    Causal,
    /// Per batch item, (B, M): 0 where the key is real, −inf elsewhere.
    Keys(Arc<[f32]>),
}

impl Mask {
    /// From one row of flags a batch item; [`Mask::None`] when everything is real.
    pub fn keys(valid: &[Vec<bool>]) -> Self {
        if valid.iter().flatten().all(|&v| v) {
            return Self::None;
        }
        Self::Keys(valid.iter().flatten().map(|&v| if v { 0.0 } else { f32::NEG_INFINITY }).collect())
    }

    /// As a tensor that broadcasts against scores (B, heads, N, M).
    fn tensor(&self, b: usize, n: usize, m: usize, device: &Device) -> Result<Option<Tensor>> {
        Ok(match self {
            Self::None => None,
            Self::Keys(values) => Some(Tensor::from_slice(values, (b, 1, 1, m), device)?),
            Self::Causal => {
                let above = |i: usize| if i % m > i / m { f32::NEG_INFINITY } else { 0.0 };
                Some(Tensor::from_vec((0..n * m).map(above).collect(), (n, m), device)?)
            }
        })
    }
}

/// softmax(q·kᵀ/sqrt(d/heads) + mask)·v for q (B, N, d), k and v (B, M, d): (B, N, d). `drop` masks the weights.
/// Differentiable in q, k and v.
pub fn attention(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    heads: usize,
    mask: &Mask,
    drop: Option<DropMask>,
) -> Result<Tensor> {
    let (b, n, d) = q.dims3()?;
    let m = k.dim(1)?;
    if q.device().is_cpu() {
        return q.apply_op3(k, v, Attention { heads, mask: mask.clone(), drop });
    }
    let split = |t: &Tensor, n: usize| t.reshape((b, n, heads, d / heads))?.transpose(1, 2)?.contiguous();
    let scores = split(q, n)?.matmul(&split(k, m)?.t()?)?;
    let scores = match mask.tensor(b, n, m, q.device())? {
        Some(mask) => scores.broadcast_add(&mask)?,
        None => scores,
    };
    let weights = super::softmax(&scores, scale(d, heads))?;
    let weights = match drop {
        Some(drop) => drop.apply(&weights)?,
        None => weights,
    };
    weights.matmul(&split(v, m)?)?.transpose(1, 2)?.reshape((b, n, d))
}

/// Which rows of (B, N, ·) attend to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Among {
    /// All N of an item.
    Item,
    /// Each run of so many consecutive rows by itself: time steps of one body part.
    Runs(usize),
    /// Rows so many apart: body parts of one time step.
    Across(usize),
}

impl Among {
    fn groups(self, b: usize, n: usize) -> Groups {
        match self {
            Self::Item => Groups::runs(b * n, n),
            Self::Runs(run) => Groups::runs(b * n, run),
            Self::Across(apart) => Groups::across(b, n, apart),
        }
    }

    /// (B, N, w) as one group an item.
    fn gather(self, x: &Tensor) -> Result<Tensor> {
        let (b, n, w) = x.dims3()?;
        match self {
            Self::Item => Ok(x.clone()),
            Self::Runs(run) => x.reshape((b * n / run, run, w)),
            Self::Across(apart) => {
                x.reshape((b, n / apart, apart, w))?.transpose(1, 2)?.reshape((b * apart, n / apart, w))
            }
        }
    }

    /// The inverse of [`Among::gather`] for `b` items.
    fn scatter(self, x: &Tensor, b: usize) -> Result<Tensor> {
        let (groups, size, w) = x.dims3()?;
        let n = groups * size / b;
        match self {
            Self::Item => Ok(x.clone()),
            Self::Runs(_) => x.reshape((b, n, w)),
            Self::Across(apart) => x.reshape((b, apart, n / apart, w))?.transpose(1, 2)?.reshape((b, n, w)),
        }
    }
}

/// [`attention`] of rows to themselves: `qkv` (B, N, 3d) holds queries, keys and values side by side. `mask` has one row a
/// group of `among`. Differentiable.
pub fn self_attention(
    qkv: &Tensor,
    heads: usize,
    among: Among,
    mask: &Mask,
    drop: Option<DropMask>,
) -> Result<Tensor> {
    let (b, n, wide) = qkv.dims3()?;
    let d = wide / 3;
    if qkv.device().is_cpu() {
        let groups = among.groups(b, n);
        let heads = Heads::new(groups.size, groups.size, d, heads, mask.clone(), drop)?;
        return qkv.contiguous()?.apply_op1(SelfAttention { heads, groups });
    }
    let qkv = among.gather(qkv)?;
    let part = |i: usize| qkv.narrow(2, i * d, d);
    among.scatter(&attention(&part(0)?, &part(1)?, &part(2)?, heads, mask, drop)?, b)
}

/// [`attention`] of each half of a batch to the other half: `q` (2B, N, d) to `kv` (2B, N, 2d), keys and values side by side,
/// item i to item (i + B) mod 2B. Differentiable.
pub fn attention_to_partner(
    q: &Tensor,
    kv: &Tensor,
    heads: usize,
    mask: &Mask,
    drop: Option<DropMask>,
) -> Result<Tensor> {
    let (b, n, d) = q.dims3()?;
    if q.device().is_cpu() {
        let heads = Heads::new(n, n, d, heads, mask.clone(), drop)?;
        let groups = Groups::runs(b * n, n);
        return q.contiguous()?.apply_op2(&kv.contiguous()?, PartnerAttention { heads, groups });
    }
    let half = b / 2;
    let kv = Tensor::cat(&[kv.narrow(0, half, half)?, kv.narrow(0, 0, half)?], 0)?;
    attention(q, &kv.narrow(2, 0, d)?, &kv.narrow(2, d, d)?, heads, mask, drop)
}

fn same_lengths(q: &Layout, k: &Layout, v: &Layout) -> Result<(usize, usize, usize, usize)> {
    match (q.dims(), k.dims(), v.dims()) {
        (&[b, n, d], &[kb, m, kd], v) if (b, d) == (kb, kd) && v == [b, m, d] => Ok((b, n, m, d)),
        (q, k, v) => candle_core::bail!("attention: {q:?}, {k:?} and {v:?} do not fit"),
    }
}

fn cpu(storage: &Storage) -> Result<&CpuStorage> {
    match storage {
        Storage::Cpu(storage) => Ok(storage),
        _ => candle_core::bail!("attention: gradients on the CPU only"),
    }
}

struct Attention {
    heads: usize,
    mask: Mask,
    drop: Option<DropMask>,
}

impl CustomOp3 for Attention {
    fn name(&self) -> &'static str {
        "duet-attention"
    }

    fn cpu_fwd(
        &self,
        q: &CpuStorage,
        ql: &Layout,
        k: &CpuStorage,
        kl: &Layout,
        v: &CpuStorage,
        vl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (b, n, m, d) = same_lengths(ql, kl, vl)?;
        let heads = Heads::new(n, m, d, self.heads, self.mask.clone(), self.drop)?;
        let (q, k, v) = (Rows::of_items(q, ql)?, Rows::of_items(k, kl)?, Rows::of_items(v, vl)?);
        let out = heads.merge(&heads.forward(b, q, k, v), Groups::runs(b * n, n));
        Ok((CpuStorage::F32(out), Shape::from((b, n, d))))
    }

    fn bwd(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let guards = [q, k, v, &grad].map(Tensor::storage_and_layout);
        let rows = |i: usize| Rows::of_items(cpu(&guards[i].0)?, guards[i].1);
        let (b, n, m, d) = same_lengths(guards[0].1, guards[1].1, guards[2].1)?;
        let heads = Heads::new(n, m, d, self.heads, self.mask.clone(), self.drop)?;
        let [dq, dk, dv] = heads.backward(b, rows(0)?, rows(1)?, rows(2)?, rows(3)?);
        let tensor = |values: &[f32], rows: usize| {
            Tensor::from_vec(heads.merge(values, Groups::runs(b * rows, rows)), (b, rows, d), q.device())
        };
        Ok((Some(tensor(&dq, n)?), Some(tensor(&dk, m)?), Some(tensor(&dv, m)?)))
    }
}

struct SelfAttention {
    heads: Heads,
    groups: Groups,
}

impl SelfAttention {
    /// Queries, keys and values of (rows, 3d).
    fn parts<'a>(&self, qkv: &'a [f32]) -> [Rows<'a>; 3] {
        let d = self.heads.d;
        [0, 1, 2].map(|i| Rows::column(qkv, 3 * d, i * d, self.groups, 0))
    }
}

impl CustomOp1 for SelfAttention {
    fn name(&self) -> &'static str {
        "duet-self-attention"
    }

    fn cpu_fwd(&self, qkv: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let [q, k, v] = self.parts(super::values(qkv, layout, self.name())?);
        let (b, n, _) = layout.shape().dims3()?;
        let out = self.heads.merge(&self.heads.forward(self.groups.count, q, k, v), self.groups);
        Ok((CpuStorage::F32(out), Shape::from((b, n, self.heads.d))))
    }

    fn bwd(&self, qkv: &Tensor, _res: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(qkv.apply_op2_no_bwd(&grad.contiguous()?, &SelfGradient(self))?))
    }
}

/// (QKV, dY) -> dQKV.
struct SelfGradient<'a>(&'a SelfAttention);

impl CustomOp2 for SelfGradient<'_> {
    fn name(&self) -> &'static str {
        "duet-self-attention-gradient"
    }

    fn cpu_fwd(
        &self,
        qkv: &CpuStorage,
        layout: &Layout,
        grad: &CpuStorage,
        gl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let SelfAttention { heads, groups } = self.0;
        let [q, k, v] = self.0.parts(super::values(qkv, layout, self.name())?);
        let grad = Rows::column(super::values(grad, gl, self.name())?, heads.d, 0, *groups, 0);
        let [dq, dk, dv] = heads.backward(groups.count, q, k, v, grad);
        let out = heads.side_by_side(&[(&dq, 0), (&dk, 0), (&dv, 0)], *groups);
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }
}

struct PartnerAttention {
    heads: Heads,
    groups: Groups,
}

impl PartnerAttention {
    /// Keys and values of (rows, 2d), each item's being its partner's.
    fn parts<'a>(&self, kv: &'a [f32]) -> [Rows<'a>; 2] {
        let d = self.heads.d;
        [0, 1].map(|i| Rows::column(kv, 2 * d, i * d, self.groups, self.groups.count / 2))
    }
}

impl CustomOp2 for PartnerAttention {
    fn name(&self) -> &'static str {
        "duet-partner-attention"
    }

    fn cpu_fwd(
        &self,
        q: &CpuStorage,
        ql: &Layout,
        kv: &CpuStorage,
        kl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (q, kv) = (super::values(q, ql, self.name())?, super::values(kv, kl, self.name())?);
        if kv.len() != 2 * q.len() {
            candle_core::bail!("{}: {:?} does not fit {:?}", self.name(), kl.dims(), ql.dims());
        }
        let [k, v] = self.parts(kv);
        let q = Rows::column(q, self.heads.d, 0, self.groups, 0);
        let out = self.heads.merge(&self.heads.forward(self.groups.count, q, k, v), self.groups);
        Ok((CpuStorage::F32(out), ql.shape().clone()))
    }

    fn bwd(
        &self,
        q: &Tensor,
        kv: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let guards = [q, kv, &grad].map(Tensor::storage_and_layout);
        let values = |i: usize| super::values(cpu(&guards[i].0)?, guards[i].1, self.name());
        let [k, v] = self.parts(values(1)?);
        let d = self.heads.d;
        let queries = Rows::column(values(0)?, d, 0, self.groups, 0);
        let slope = Rows::column(values(2)?, d, 0, self.groups, 0);
        let [dq, dk, dv] = self.heads.backward(self.groups.count, queries, k, v, slope);
        let half = self.groups.count / 2;
        let d_kv = self.heads.side_by_side(&[(&dk, half), (&dv, half)], self.groups);
        let dq = Tensor::from_vec(self.heads.merge(&dq, self.groups), q.shape(), q.device())?;
        Ok((Some(dq), Some(Tensor::from_vec(d_kv, kv.shape(), q.device())?)))
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "held against candle's own functions on its own random numbers")]
mod tests {
    use super::*;
    use crate::rng::CounterRng;
    use candle_core::{D, Var};

    fn random(shape: (usize, usize, usize)) -> Var {
        Var::randn(0f32, 1.0, shape, &Device::Cpu).unwrap()
    }

    fn same(a: &Tensor, b: &Tensor) {
        let d = (a - b).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap();
        assert!(d.to_scalar::<f32>().unwrap() < 2e-5);
    }

    /// The definition, from candle's operations.
    fn reference(q: &Tensor, k: &Tensor, v: &Tensor, heads: usize, mask: &Mask) -> Tensor {
        let (b, n, d) = q.dims3().unwrap();
        let m = k.dim(1).unwrap();
        let split = |t: &Tensor, n: usize| {
            t.reshape((b, n, heads, d / heads)).unwrap().transpose(1, 2).unwrap().contiguous().unwrap()
        };
        let scores = split(q, n).matmul(&split(k, m).t().unwrap()).unwrap();
        let scores = (scores * f64::from(scale(d, heads))).unwrap();
        let scores = match mask.tensor(b, n, m, q.device()).unwrap() {
            Some(mask) => scores.broadcast_add(&mask).unwrap(),
            None => scores,
        };
        let weights = candle_nn::ops::softmax(&scores, D::Minus1).unwrap();
        weights.matmul(&split(v, m)).unwrap().transpose(1, 2).unwrap().reshape((b, n, d)).unwrap()
    }

    #[test]
    fn equals_its_definition_forward_and_backward() {
        let (b, n, m, d, heads) = (3, 13, 9, 24, 4);
        let mut valid = vec![vec![true; m]; b];
        valid[1][4..].fill(false);
        for (mask, m) in [(Mask::None, m), (Mask::keys(&valid), m), (Mask::Causal, n)] {
            let (q, k, v) = (random((b, n, d)), random((b, m, d)), random((b, m, d)));
            let weigh = random((b, n, d));
            let ours = attention(&q, &k, &v, heads, &mask, None).unwrap();
            let theirs = reference(&q, &k, &v, heads, &mask);
            same(&ours, &theirs);
            let ours = (ours * weigh.as_tensor()).unwrap().sum_all().unwrap().backward().unwrap();
            let theirs = (theirs * weigh.as_tensor()).unwrap().sum_all().unwrap().backward().unwrap();
            for var in [&q, &k, &v] {
                same(ours.get(var).unwrap(), theirs.get(var).unwrap());
            }
        }
    }

    #[test]
    fn slices_of_a_wider_tensor_work_and_dropout_repeats() {
        let qkv = random((2, 7, 36));
        let part = |i: usize| qkv.narrow(2, i * 12, 12).unwrap();
        let whole = |i: usize| part(i).contiguous().unwrap();
        let run =
            |q: &Tensor, k: &Tensor, v: &Tensor, drop| attention(q, k, v, 3, &Mask::None, drop).unwrap();
        same(&run(&part(0), &part(1), &part(2), None), &run(&whole(0), &whole(1), &whole(2), None));
        let drop = || Some(DropMask::new(CounterRng::new(3, "test"), 0.5));
        let once = run(&part(0), &part(1), &part(2), drop());
        same(&once, &run(&part(0), &part(1), &part(2), drop()));
        assert_ne!(
            once.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
            run(&part(0), &part(1), &part(2), None).flatten_all().unwrap().to_vec1::<f32>().unwrap()
        );
    }
}
