//! A text tower whose words are stored in bytes: half the size of f16, and most of a small tower is its list of words.
//!
//! `token_embedding.weight` (words, width) then holds 128 + v / scale, whole numbers from 1 to 255, and `token_embedding.scale` (words) says by
//! how much each row is larger.

use super::weights::Tensors;
use crate::error::Result;
use candle_core::{D, DType};

pub(super) const WORDS: &str = "token_embedding.weight";
pub(super) const SCALE: &str = "token_embedding.scale";
const MIDDLE: f64 = 128.0;
const MOST: f64 = 127.0;

/// Words in bytes, what else there is in f16 numbers: what [`super::weights::Precision::Whole`] then stores without a change.
///
/// # Errors
/// From candle.
pub fn in_bytes(mut tower: Tensors) -> Result<Tensors> {
    let words = tower.remove(WORDS);
    for tensor in tower.values_mut() {
        *tensor = tensor.to_dtype(DType::F16)?.to_dtype(DType::F32)?;
    }
    if let Some(words) = words {
        // f16 as well, and never 0: a row of zeros stays one.
        let scale = (words.abs()?.max(D::Minus1)? / MOST)?.to_dtype(DType::F16)?.to_dtype(DType::F32)?;
        let scale = scale.maximum(f64::from(half::f16::MIN_POSITIVE))?;
        let rows = words.broadcast_div(&scale.unsqueeze(1)?)?.round()?.clamp(-MOST, MOST)?;
        tower.insert(WORDS.to_owned(), (rows + MIDDLE)?);
        tower.insert(SCALE.to_owned(), scale);
    }
    Ok(tower)
}

/// A tower as it was before [`in_bytes`], words up to 0.4 % of the largest number of their row off; one that was stored otherwise as it is.
///
/// # Errors
/// From candle, where shapes differ.
pub fn of_bytes(mut tower: Tensors) -> Result<Tensors> {
    if let (Some(scale), Some(words)) = (tower.remove(SCALE), tower.get_mut(WORDS)) {
        *words = (&*words - MIDDLE)?.broadcast_mul(&scale.unsqueeze(1)?)?;
    }
    Ok(tower)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::weights::{Precision, write};
    use candle_core::{Device, Tensor};

    #[test]
    fn words_come_back_from_bytes_and_take_half_the_space() {
        let numbers = |n: usize| (0..n).map(|i| ((i * 37) % 101) as f32 / 50.0 - 1.0).collect::<Vec<_>>();
        let mut words = numbers(200 * 24);
        words[24..48].fill(0.0);
        let tower = Tensors::from([
            (WORDS.to_owned(), Tensor::from_vec(words.clone(), (200, 24), &Device::Cpu).unwrap()),
            ("ln_final.bias".to_owned(), Tensor::from_vec(numbers(24), 24, &Device::Cpu).unwrap()),
        ]);
        let stored = in_bytes(tower.clone()).unwrap();
        let size = |tensors: &Tensors, precision| write(std::io::sink(), tensors, precision).unwrap().1;
        let (bytes, halves) = (size(&stored, Precision::Whole), size(&tower, Precision::Half));
        assert!(bytes * 10 < halves * 6, "{bytes} of {halves}");
        let back = of_bytes(stored).unwrap();
        assert_eq!(back.len(), 2);
        let values = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        for (was, is) in words.chunks(24).zip(values(&back[WORDS]).chunks(24)) {
            let most = was.iter().fold(0f32, |most, v| most.max(v.abs()));
            assert!(was.iter().zip(is).all(|(a, b)| (a - b).abs() <= 0.005 * most), "{was:?} {is:?}");
        }
        // One that was never in bytes is as it was.
        let same = of_bytes(tower.clone()).unwrap();
        assert_eq!(values(&same[WORDS]), words);
    }
}
