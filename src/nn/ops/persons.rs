//! From (B, 2N+1, d), person 1, a separator, person 2, to the two people as one batch and back. candle's slices and
//! concatenations pad every gradient to full size.

use super::values;
use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

/// Rows of both persons, (2B, N, d): person 1 of every item, then person 2. Differentiable.
pub fn persons(x: &Tensor) -> Result<Tensor> {
    if x.device().is_cpu() {
        return x.contiguous()?.apply_op1(Split(Order::ByPerson));
    }
    let n = x.dim(1)? / 2;
    Tensor::cat(&[x.narrow(1, 0, n)?, x.narrow(1, n + 1, n)?], 0)
}

/// Rows of both persons, (B, 2N, d): person 1 then person 2 of each item. Differentiable.
pub fn without_separator(x: &Tensor) -> Result<Tensor> {
    if x.device().is_cpu() {
        return x.contiguous()?.apply_op1(Split(Order::ByItem));
    }
    let n = x.dim(1)? / 2;
    Tensor::cat(&[x.narrow(1, 0, n)?, x.narrow(1, n + 1, n)?], 1)
}

/// The inverse of [`persons`]: `own` (2B, N, d) around the separator of `x` (B, 2N+1, d). Differentiable in both.
pub fn together(own: &Tensor, x: &Tensor) -> Result<Tensor> {
    if x.device().is_cpu() {
        return own.contiguous()?.apply_op2(&x.contiguous()?, Join(Order::ByPerson));
    }
    let (b, n) = (x.dim(0)?, own.dim(1)?);
    Tensor::cat(&[&own.narrow(0, 0, b)?, &x.narrow(1, n, 1)?, &own.narrow(0, b, b)?], 1)
}

/// Which rows come first where the separator is not.
#[derive(Clone, Copy)]
enum Order {
    /// All of person 1, then all of person 2.
    ByPerson,
    /// Both persons of an item side by side.
    ByItem,
}

impl Order {
    /// Which block of N rows holds `person` of `item`.
    fn block(self, item: usize, person: usize, items: usize) -> usize {
        match self {
            Self::ByPerson => person * items + item,
            Self::ByItem => 2 * item + person,
        }
    }
}

/// (B, N, d) of x (B, 2N+1, d).
fn sizes(x: &Layout, op: &str) -> Result<(usize, usize, usize)> {
    match x.dims() {
        &[b, rows, d] if rows % 2 == 1 && rows > 1 => Ok((b, rows / 2, d)),
        other => candle_core::bail!("{op}: {other:?} has no separator in the middle"),
    }
}

struct Split(Order);

impl CustomOp1 for Split {
    fn name(&self) -> &'static str {
        "duet-persons"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (b, n, d) = sizes(layout, self.name())?;
        let x = values(x, layout, self.name())?;
        let mut out = vec![0f32; 2 * b * n * d];
        out.par_chunks_mut(n * d).enumerate().for_each(|(block, out)| {
            let (item, person) = match self.0 {
                Order::ByPerson => (block % b, block / b),
                Order::ByItem => (block / 2, block % 2),
            };
            let from = (item * (2 * n + 1) + person * (n + 1)) * d;
            out.copy_from_slice(&x[from..][..n * d]);
        });
        let shape = match self.0 {
            Order::ByPerson => (2 * b, n, d),
            Order::ByItem => (b, 2 * n, d),
        };
        Ok((CpuStorage::F32(out), Shape::from(shape)))
    }

    fn bwd(&self, x: &Tensor, _res: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        // The separator is not among the persons: its rows get nothing.
        let nothing = x.narrow(1, x.dim(1)? / 2, 1)?.zeros_like()?;
        Ok(Some(grad.contiguous()?.apply_op2_no_bwd(&nothing, &Join(self.0))?))
    }
}

/// (persons, separators (B, 1, d) or what has them in the middle) -> (B, 2N+1, d).
struct Join(Order);

impl CustomOp2 for Join {
    fn name(&self) -> &'static str {
        "duet-together"
    }

    fn cpu_fwd(
        &self,
        own: &CpuStorage,
        own_l: &Layout,
        x: &CpuStorage,
        xl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let &[b, rows, d] = xl.dims() else { candle_core::bail!("{}: {:?}", self.name(), xl.dims()) };
        let (own, x) = (values(own, own_l, self.name())?, values(x, xl, self.name())?);
        let n = own.len() / (2 * b * d).max(1);
        if own.len() != 2 * b * n * d || n == 0 || !(rows == 1 || rows == 2 * n + 1) {
            candle_core::bail!("{}: {:?} do not fit {:?}", self.name(), own_l.dims(), xl.dims());
        }
        let mut out = vec![0f32; b * (2 * n + 1) * d];
        out.par_chunks_mut((2 * n + 1) * d).enumerate().for_each(|(item, out)| {
            let block = |person| &own[self.0.block(item, person, b) * n * d..][..n * d];
            out[..n * d].copy_from_slice(block(0));
            out[n * d..][..d].copy_from_slice(&x[(item * rows + rows / 2) * d..][..d]);
            out[(n + 1) * d..].copy_from_slice(block(1));
        });
        Ok((CpuStorage::F32(out), Shape::from((b, 2 * n + 1, d))))
    }

    fn bwd(
        &self,
        own: &Tensor,
        x: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let separators = grad.narrow(1, grad.dim(1)? / 2, 1)?.contiguous()?;
        let to_persons = grad.apply_op1_no_bwd(&Split(self.0))?;
        let to_separators = own.zeros_like()?.apply_op2_no_bwd(&separators, &Join(self.0))?;
        debug_assert_eq!(to_separators.shape(), x.shape());
        Ok((Some(to_persons), Some(to_separators)))
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "held against candle's own functions on its own random numbers")]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn equal_slices_and_concatenations_forward_and_backward() {
        let (b, n, d) = (3, 4, 5);
        let x = Var::randn(0f32, 1.0, (b, 2 * n + 1, d), &Device::Cpu).unwrap();
        let weigh = Tensor::randn(0f32, 1.0, (b, 2 * n + 1, d), &Device::Cpu).unwrap();
        let halves = || [x.narrow(1, 0, n).unwrap(), x.narrow(1, n + 1, n).unwrap()];
        let stacked = Tensor::cat(&halves(), 0).unwrap();
        let side = Tensor::cat(&halves(), 1).unwrap();
        let numbers = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(numbers(&persons(&x).unwrap()), numbers(&stacked));
        assert_eq!(numbers(&without_separator(&x).unwrap()), numbers(&side));
        // Twice what the persons are, and the separator as it is.
        let ours = together(&(persons(&x).unwrap() * 2.0).unwrap(), &x).unwrap();
        let own = (&stacked * 2.0).unwrap();
        let separator = x.narrow(1, n, 1).unwrap();
        let parts = [own.narrow(0, 0, b).unwrap(), separator, own.narrow(0, b, b).unwrap()];
        let theirs = Tensor::cat(&parts, 1).unwrap();
        assert_eq!(numbers(&ours), numbers(&theirs));
        let slope = |y: Tensor| {
            let store = (y * &weigh).unwrap().sum_all().unwrap().backward().unwrap();
            numbers(store.get(&x).unwrap())
        };
        assert_eq!(slope(ours), slope(theirs));
        let weigh_side = weigh.narrow(1, 0, 2 * n).unwrap();
        let slope = |y: Tensor| {
            let store = (y * &weigh_side).unwrap().sum_all().unwrap().backward().unwrap();
            numbers(store.get(&x).unwrap())
        };
        assert_eq!(slope(without_separator(&x).unwrap()), slope(side));
    }
}
