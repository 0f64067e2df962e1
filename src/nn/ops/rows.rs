//! Whole rows of a tensor: adding to a few of them, and repeating them. candle pads or indexes element by element.

use super::values;
use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

/// x (B, T, …) with `first` (B', 1, …) added to the first T-row of its first B' items. Differentiable in both.
pub fn add_to_first(x: &Tensor, first: &Tensor) -> Result<Tensor> {
    if x.device().is_cpu() {
        return x.contiguous()?.apply_op2(&first.contiguous()?, AddToFirst);
    }
    let (b, t) = (x.dim(0)?, x.dim(1)?);
    x + first.pad_with_zeros(1, 0, t - 1)?.pad_with_zeros(0, 0, b - first.dim(0)?)?
}

struct AddToFirst;

impl CustomOp2 for AddToFirst {
    fn name(&self) -> &'static str {
        "duet-add-to-first"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        first: &CpuStorage,
        fl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, first) = (values(x, xl, self.name())?, values(first, fl, self.name())?);
        let (&[_, _, ref wide @ ..], &[items, 1, ref narrow @ ..]) = (xl.dims(), fl.dims()) else {
            candle_core::bail!("{}: {:?} has no first rows {:?}", self.name(), xl.dims(), fl.dims());
        };
        if wide != narrow || items > xl.dims()[0] {
            candle_core::bail!("{}: {:?} does not fit {:?}", self.name(), fl.dims(), xl.dims());
        }
        let (item, row) = (xl.shape().elem_count() / xl.dims()[0].max(1), first.len() / items.max(1));
        let mut out = x.to_vec();
        for (out, first) in out.chunks_exact_mut(item).zip(first.chunks_exact(row)) {
            out.iter_mut().zip(first).for_each(|(o, f)| *o += f);
        }
        Ok((CpuStorage::F32(out), xl.shape().clone()))
    }

    fn bwd(
        &self,
        _x: &Tensor,
        first: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok((Some(grad.clone()), Some(grad.narrow(0, 0, first.dim(0)?)?.narrow(1, 0, 1)?.contiguous()?)))
    }
}

/// x (B, T, J, C) with time rows `time` and joint rows `joints` picked, each source row any number of times:
/// (B, time.len(), joints.len(), C). Differentiable.
pub fn pick(x: &Tensor, time: Vec<u32>, joints: Vec<u32>) -> Result<Tensor> {
    if x.device().is_cpu() {
        return x.contiguous()?.apply_op1(Pick { time, joints });
    }
    let ids = |rows: Vec<u32>| {
        let n = rows.len();
        Tensor::from_vec(rows, n, x.device())
    };
    x.index_select(&ids(joints)?, 2)?.index_select(&ids(time)?, 1)
}

struct Pick {
    time: Vec<u32>,
    joints: Vec<u32>,
}

impl Pick {
    /// Calls `each(source row, picked row)`, rows counted within one item of `joints` source joints.
    fn each(&self, joints: usize, mut each: impl FnMut(usize, usize)) {
        for (t, &from_t) in self.time.iter().enumerate() {
            for (j, &from_j) in self.joints.iter().enumerate() {
                each(from_t as usize * joints + from_j as usize, t * self.joints.len() + j);
            }
        }
    }

    fn picked(&self) -> usize {
        self.time.len() * self.joints.len()
    }
}

impl CustomOp1 for Pick {
    fn name(&self) -> &'static str {
        "duet-pick"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = values(x, layout, self.name())?;
        let &[b, t, j, c] = layout.dims() else { candle_core::bail!("{} needs (B, T, J, C)", self.name()) };
        let outside = |rows: &[u32], n: usize| rows.iter().any(|&row| row as usize >= n);
        if outside(&self.time, t) || outside(&self.joints, j) {
            candle_core::bail!("{}: a row outside {:?}", self.name(), layout.dims());
        }
        let mut out = vec![0f32; b * self.picked() * c];
        out.par_chunks_mut(self.picked() * c).zip(x.par_chunks(t * j * c)).for_each(|(out, x)| {
            self.each(j, |from, to| out[to * c..][..c].copy_from_slice(&x[from * c..][..c]));
        });
        Ok((CpuStorage::F32(out), Shape::from((b, self.time.len(), self.joints.len(), c))))
    }

    fn bwd(&self, arg: &Tensor, _res: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let (time, joints) = (self.time.clone(), self.joints.clone());
        let (_, t, j, _) = arg.dims4()?;
        Ok(Some(grad.contiguous()?.apply_op1_no_bwd(&PickGradient { of: Self { time, joints }, t, j })?))
    }
}

/// dY -> dX: the sum over the rows that were picked from each.
struct PickGradient {
    of: Pick,
    t: usize,
    j: usize,
}

impl CustomOp1 for PickGradient {
    fn name(&self) -> &'static str {
        "duet-pick-gradient"
    }

    fn cpu_fwd(&self, grad: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let grad = values(grad, layout, self.name())?;
        let &[b, _, _, c] = layout.dims() else { candle_core::bail!("{} needs (B, T, J, C)", self.name()) };
        let mut out = vec![0f32; b * self.t * self.j * c];
        let items = out.par_chunks_mut(self.t * self.j * c).zip(grad.par_chunks(self.of.picked() * c));
        items.for_each(|(out, grad)| {
            self.of.each(self.j, |from, to| {
                out[from * c..][..c].iter_mut().zip(&grad[to * c..][..c]).for_each(|(o, g)| *o += g);
            });
        });
        Ok((CpuStorage::F32(out), Shape::from((b, self.t, self.j, c))))
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "held against candle's own functions on its own random numbers")]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    fn same(a: &Tensor, b: &Tensor) {
        assert_eq!(a.dims(), b.dims());
        let d = (a - b).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap();
        assert!(d.to_scalar::<f32>().unwrap() < 1e-5);
    }

    fn equal(vars: &[&Var], ours: Tensor, theirs: Tensor) {
        same(&ours, &theirs);
        let weigh = Tensor::randn(0f32, 1.0, ours.shape(), &Device::Cpu).unwrap();
        let gradients = |y: Tensor| (y * &weigh).unwrap().sum_all().unwrap().backward().unwrap();
        let (ours, theirs) = (gradients(ours), gradients(theirs));
        vars.iter().for_each(|var| same(ours.get(var).unwrap(), theirs.get(var).unwrap()));
    }

    #[test]
    fn equal_what_candle_composes() {
        let x = Var::randn(0f32, 1.0, (3, 5, 4, 6), &Device::Cpu).unwrap();
        for items in [1, 3] {
            let first = Var::randn(0f32, 1.0, (items, 1, 4, 6), &Device::Cpu).unwrap();
            let padded = first.pad_with_zeros(1, 0, 4).unwrap().pad_with_zeros(0, 0, 3 - items).unwrap();
            equal(&[&x, &first], add_to_first(&x, &first).unwrap(), (x.as_tensor() + padded).unwrap());
        }
        let (time, joints) = (vec![0, 0, 1, 1, 4, 4], vec![0, 1, 1, 2, 3, 3, 0]);
        let ids = |rows: &Vec<u32>| Tensor::new(rows.as_slice(), &Device::Cpu).unwrap();
        let theirs = x.index_select(&ids(&joints), 2).unwrap().index_select(&ids(&time), 1).unwrap();
        equal(&[&x], pick(&x, time, joints).unwrap(), theirs);
    }

    #[test]
    fn refuse_what_does_not_fit() {
        let x = Tensor::zeros((2, 3, 4, 5), candle_core::DType::F32, &Device::Cpu).unwrap();
        let first = Tensor::zeros((3, 1, 4, 5), candle_core::DType::F32, &Device::Cpu).unwrap();
        assert!(add_to_first(&x, &first).is_err());
        assert!(pick(&x, vec![3], vec![0]).is_err());
    }
}
