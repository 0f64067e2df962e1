//! The words a small text tower learns: while it trains, its token table has a row for each CLIP id that occurs in the
//! captions and no other. The full table of 49408 rows is laid out when the model is packed; the rows of unseen ids are
//! zero there, so that an unknown word says nothing instead of something random.

use crate::error::{Error, Result};
use crate::text::tokenizer::{END, START, VOCABULARY};
use candle_core::{Device, Tensor};
use std::collections::{BTreeSet, HashMap};

/// Row of ids that no caption has; stays zero because it never receives a gradient.
pub const UNKNOWN: u32 = 1;
/// Name of the kept ids in a checkpoint.
const NAME: &str = "vocabulary";

/// Which CLIP ids have a row, ascending. Order is kept, so the end-of-text id stays the largest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vocabulary {
    kept: Vec<u32>,
}

impl Vocabulary {
    /// Of all ids in `texts`; padding (id 0), start and end are always kept.
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a [u32]>) -> Self {
        let mut kept: BTreeSet<u32> = BTreeSet::from([0, START, END]);
        kept.extend(texts.into_iter().flatten());
        Self { kept: kept.into_iter().collect() }
    }

    /// Rows of the table: kept ids and the row for unknown ones.
    pub fn rows(&self) -> usize {
        self.kept.len() + 1
    }

    /// Rows of CLIP ids: 0 stays 0, unknown ids become [`UNKNOWN`], the others follow in order.
    pub fn map(&self, ids: &[u32]) -> Vec<u32> {
        let row = |id: &u32| match self.kept.binary_search(id) {
            Ok(0) => 0,
            Ok(at) => at as u32 + 1,
            Err(_) => UNKNOWN,
        };
        ids.iter().map(row).collect()
    }

    /// The table (rows, width) as one for all of CLIP's ids (49408, width).
    pub fn expand(&self, table: &Tensor) -> Result<Tensor> {
        let (rows, width) = table.dims2()?;
        if rows != self.rows() {
            return Err(Error::corrupt(
                "checkpoint_vocabulary",
                "the token table does not fit its vocabulary",
            ));
        }
        let values = table.flatten_all()?.to_vec1::<f32>()?;
        let mut full = vec![0f32; VOCABULARY * width];
        for (id, row) in self.kept.iter().zip(self.map(&self.kept)) {
            let (to, from) = (*id as usize * width, row as usize * width);
            full[to..to + width].copy_from_slice(&values[from..from + width]);
        }
        Ok(Tensor::from_vec(full, (VOCABULARY, width), &Device::Cpu)?)
    }

    /// As a tensor for a checkpoint.
    pub fn state(&self) -> Result<(String, Tensor)> {
        Ok((NAME.to_owned(), Tensor::from_slice(&self.kept, self.kept.len(), &Device::Cpu)?))
    }

    /// From [`Vocabulary::state`].
    pub fn restore(tensors: &HashMap<String, Tensor>) -> Result<Self> {
        let damaged = || Error::corrupt("checkpoint_vocabulary", "the checkpoint has no usable vocabulary");
        let kept = tensors.get(NAME).ok_or_else(damaged)?.to_vec1::<u32>()?;
        let sound = kept.windows(2).all(|pair| pair[0] < pair[1])
            && kept.first() == Some(&0)
            && kept.last() == Some(&END)
            && kept.len() < VOCABULARY;
        if sound { Ok(Self { kept }) } else { Err(damaged()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_map_in_order_and_the_table_expands_to_the_right_rows() {
        let vocabulary = Vocabulary::of([&[START, 500, 320, END, 0][..], &[320][..]]);
        assert_eq!(vocabulary.rows(), 6);
        assert_eq!(vocabulary.map(&[START, 320, 500, 777, END, 0]), [4, 2, 3, UNKNOWN, 5, 0]);
        let table = Tensor::arange(0f32, 12.0, &Device::Cpu).unwrap().reshape((6, 2)).unwrap();
        let full = vocabulary.expand(&table).unwrap();
        let row = |id: usize| full.get(id).unwrap().to_vec1::<f32>().unwrap();
        assert_eq!((row(0), row(320), row(500)), (vec![0.0, 1.0], vec![4.0, 5.0], vec![6.0, 7.0]));
        assert_eq!((row(777), row(END as usize)), (vec![0.0, 0.0], vec![10.0, 11.0]));
    }

    #[test]
    fn state_round_trips() {
        let vocabulary = Vocabulary::of([&[5, 9][..]]);
        let tensors = HashMap::from([vocabulary.state().unwrap()]);
        assert_eq!(Vocabulary::restore(&tensors).unwrap(), vocabulary);
        assert!(Vocabulary::restore(&HashMap::new()).is_err());
    }
}
