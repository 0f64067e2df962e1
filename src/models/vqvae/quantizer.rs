//! The codebook (InterMask spec §3.4).

use crate::models::config::VqConfig;
use candle_core::{D, DType, Result, Tensor};
use candle_nn::{Init, VarBuilder};

/// Nearest-code quantiser.
pub struct Quantizer {
    codebook: Tensor,
}

impl Quantizer {
    /// Name `codebook` (codes, code_dim).
    pub fn new(config: &VqConfig, vb: VarBuilder) -> Result<Self> {
        let init = Init::Const(0.0);
        Ok(Self { codebook: vb.get_with_hints((config.codes, config.code_dim), "codebook", init)?.detach() })
    }

    /// A quantiser around a given codebook (codes, code_dim).
    pub fn from_codebook(codebook: Tensor) -> Self {
        Self { codebook }
    }

    /// The code vectors (codes, code_dim).
    pub fn codebook(&self) -> &Tensor {
        &self.codebook
    }

    /// Squared distances ‖x‖² − 2x·c + ‖c‖² of rows (N, code_dim) to every code: (N, codes).
    pub fn distances(&self, rows: &Tensor) -> Result<Tensor> {
        let x2 = rows.sqr()?.sum_keepdim(D::Minus1)?;
        let c2 = self.codebook.sqr()?.sum(D::Minus1)?;
        let cross = rows.matmul(&self.codebook.t()?)?;
        x2.broadcast_sub(&(cross * 2.0)?)?.broadcast_add(&c2)
    }

    /// Ids (B, N) u32 of the codes nearest to latents (B, N, code_dim).
    pub fn nearest(&self, latents: &Tensor) -> Result<Tensor> {
        let (b, n, c) = latents.dims3()?;
        self.distances(&latents.contiguous()?.reshape((b * n, c))?)?.argmin(D::Minus1)?.reshape((b, n))
    }

    /// Code vectors (B, N, code_dim) of ids (B, N), i64 or u32; −1, the padding of generated clips, gives zeros.
    pub fn lookup(&self, ids: &Tensor) -> Result<Tensor> {
        let (b, n) = ids.dims2()?;
        let flat = ids.flatten_all()?;
        if flat.dtype() == DType::U32 {
            return self.codebook.index_select(&flat, 0)?.reshape((b, n, ()));
        }
        // Row 0 is the padding vector.
        let padded = self.codebook.pad_with_zeros(0, 1, 0)?;
        let shifted = (flat.to_dtype(DType::I64)? + 1.0)?.to_dtype(DType::U32)?;
        padded.index_select(&shifted, 0)?.reshape((b, n, ()))
    }

    /// exp(−Σ p·ln(p + 1e-7)) of how often each code occurs in `ids`, scalar.
    pub fn perplexity(&self, ids: &Tensor) -> Result<Tensor> {
        let mut counts = vec![0f32; self.codebook.dim(0)?];
        for id in ids.flatten_all()?.to_dtype(DType::U32)?.to_vec1::<u32>()? {
            counts[id as usize] += 1.0;
        }
        let total: f32 = counts.iter().sum();
        let n = counts.len();
        let p = (Tensor::from_vec(counts, n, ids.device())? / f64::from(total))?;
        let entropy = (&p * (&p + 1e-7)?.log()?)?.sum_all()?.neg()?;
        entropy.exp()
    }
}
