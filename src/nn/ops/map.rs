//! Element by element over whole tensors: chunks to threads, vectors within a chunk.

use super::values;
use crate::nn::machine::vectorise::vectorise;
use candle_core::{CpuStorage, Layout, Result, Shape};
use rayon::prelude::*;

/// Values a thread takes at once.
const CHUNK: usize = 16 * 1024;

/// f(x) for every x.
#[inline(always)]
pub(super) fn map(
    name: &str,
    (x, xl): (&CpuStorage, &Layout),
    f: impl Fn(f32) -> f32 + Sync,
) -> Result<(CpuStorage, Shape)> {
    let x = values(x, xl, name)?;
    let mut out = vec![0f32; x.len()];
    out.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(out, x)| {
        vectorise(
            #[inline(always)]
            || {
                for (o, &x) in out.iter_mut().zip(x) {
                    *o = f(x);
                }
            },
        );
    });
    Ok((CpuStorage::F32(out), xl.shape().clone()))
}

/// f(x, y) for every pair.
#[inline(always)]
pub(super) fn map_pairs(
    name: &str,
    (x, xl): (&CpuStorage, &Layout),
    (y, yl): (&CpuStorage, &Layout),
    f: impl Fn(f32, f32) -> f32 + Sync,
) -> Result<(CpuStorage, Shape)> {
    let (x, y) = (values(x, xl, name)?, values(y, yl, name)?);
    let mut out = vec![0f32; x.len()];
    let chunks = out.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).zip(y.par_chunks(CHUNK));
    chunks.for_each(|((out, x), y)| {
        vectorise(
            #[inline(always)]
            || {
                for ((o, &x), &y) in out.iter_mut().zip(x).zip(y) {
                    *o = f(x, y);
                }
            },
        );
    });
    Ok((CpuStorage::F32(out), xl.shape().clone()))
}
