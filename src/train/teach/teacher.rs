//! The sentence model that teaches: all-MiniLM-L6-v2 (Reimers & Gurevych 2019; Wang et al. 2020), Apache-2.0.

use crate::error::{Error, ErrorKind, Result};
use crate::package::digest::sha256;
use candle_core::{D, DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use std::path::Path;
use tokenizers::Tokenizer;

/// SHA-256 of its weights.
const DIGEST: &str = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db";
/// Channels of its sentence vectors.
pub const WIDTH: usize = 384;
/// Word pieces that one batch holds at most, so that short texts go in many at a time.
const PIECES: usize = 2048;
/// Word pieces of a text that are read.
const LONGEST: usize = 96;

/// The model and its tokenizer.
pub struct Teacher {
    model: BertModel,
    tokenizer: Tokenizer,
    device: Device,
}

impl Teacher {
    /// From a folder with `model.safetensors`, `tokenizer.json` and `config.json`.
    ///
    /// # Errors
    /// `teacher_digest` for weights other than the published ones, `teacher_files` for unreadable ones, or from the disk.
    pub fn open(folder: &Path, device: &Device) -> Result<Self> {
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).map_err(|e| Error::io("read", &path, e))
        };
        let weights = read("model.safetensors")?;
        let found = sha256(weights.as_slice()).map_err(|e| Error::io("read", folder, e))?;
        if found != DIGEST {
            let message = format!("{} does not hold the weights of all-MiniLM-L6-v2", folder.display());
            return Err(Error::corrupt("teacher_digest", message));
        }
        let damaged = |name: &str| {
            Error::corrupt("teacher_files", format!("{}/{name} cannot be used", folder.display()))
        };
        let config: Config = serde_json::from_slice(&read("config.json")?)
            .map_err(|e| damaged("config.json").with_source(e))?;
        if config.hidden_size != WIDTH {
            return Err(damaged("config.json"));
        }
        let mut tokenizer = Tokenizer::from_bytes(read("tokenizer.json")?)
            .map_err(|e| Error::new(ErrorKind::Corrupt, "teacher_files", e.to_string()))?;
        // Texts of one batch have one length, so nothing is padded.
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|e| Error::internal("teacher_files", e.to_string()))?;
        let vb = VarBuilder::from_buffered_safetensors(weights, DType::F32, device)?;
        Ok(Self { model: BertModel::load(vb, &config)?, tokenizer, device: device.clone() })
    }

    /// Sentence vectors (N, 384) of unit length, in the order of `texts`. `told` hears how many are done.
    ///
    /// # Errors
    /// `teacher_text` for a text that its tokenizer refuses.
    pub fn embed(&self, texts: &[String], mut told: impl FnMut(usize)) -> Result<Tensor> {
        let mut rows: Vec<(usize, Vec<u32>)> = texts
            .iter()
            .enumerate()
            .map(|(at, text)| {
                let encoded = self.tokenizer.encode_fast(text.as_str(), true);
                let encoded = encoded.map_err(|e| Error::invalid("teacher_text", e.to_string()))?;
                let mut ids = encoded.get_ids().to_vec();
                ids.truncate(LONGEST);
                Ok((at, ids))
            })
            .collect::<Result<_>>()?;
        rows.sort_by_key(|(_, ids)| ids.len());
        let mut vectors = vec![0f32; texts.len() * WIDTH];
        let mut done = 0;
        for group in rows.chunk_by(|a, b| a.1.len() == b.1.len()) {
            let pieces = group[0].1.len().max(1);
            for batch in group.chunks((PIECES / pieces).max(1)) {
                let flat: Vec<u32> = batch.iter().flat_map(|(_, ids)| ids).copied().collect();
                let ids = Tensor::from_vec(flat, (batch.len(), pieces), &self.device)?;
                let hidden = self.model.forward(&ids, &ids.zeros_like()?, None)?;
                let values = unit(&hidden.mean(1)?)?.flatten_all()?.to_vec1::<f32>()?;
                for ((at, _), vector) in batch.iter().zip(values.chunks_exact(WIDTH)) {
                    vectors[at * WIDTH..][..WIDTH].copy_from_slice(vector);
                }
                done += batch.len();
                told(done);
            }
        }
        Ok(Tensor::from_vec(vectors, (texts.len(), WIDTH), &self.device)?)
    }
}

/// Rows (N, d) brought to unit length. Differentiable.
pub fn unit(rows: &Tensor) -> candle_core::Result<Tensor> {
    let norm = (rows.sqr()?.sum_keepdim(D::Minus1)? + 1e-12)?.sqrt()?;
    rows.broadcast_div(&norm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_weights_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let missing = Teacher::open(folder.path(), &Device::Cpu).err().unwrap();
        assert_eq!(missing.code(), "file_not_found");
        std::fs::write(folder.path().join("model.safetensors"), b"something else").unwrap();
        let other = Teacher::open(folder.path(), &Device::Cpu).err().unwrap();
        assert_eq!(other.code(), "teacher_digest");
    }

    /// Needs the weights, which are not ours to carry: DUET_TEACHER names their folder.
    #[test]
    fn sentences_that_mean_the_same_lie_close() {
        let Some(folder) = std::env::var_os("DUET_TEACHER") else { return };
        let teacher = Teacher::open(Path::new(&folder), &Device::Cpu).unwrap();
        let texts = ["one person hugs the other", "they embrace each other", "two people box"];
        let v = teacher.embed(&texts.map(str::to_owned), |_| ()).unwrap();
        let s = v.matmul(&v.t().unwrap()).unwrap().to_vec2::<f32>().unwrap();
        // The reference implementation says 0.605 and 0.320.
        assert!((s[0][1] - 0.605).abs() < 2e-3 && (s[0][2] - 0.320).abs() < 2e-3, "{s:?}");
    }
}
