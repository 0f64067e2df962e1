//! Token maps kept on disk beside the data, so that the next training of the same clips through the same VQ-VAE need not encode them again.
//!
//! Maps are found by the SHA-256 of what they were made from: the VQ-VAE's numbers and the precision name the file, a clip's numbers
//! and what was done to it the entry. Clips that changed are encoded anew, and a file that is damaged or missing costs time, nothing else.

use super::checkpoint::write_whole;
use super::tokens::Maps;
use crate::error::Result;
use crate::models::vqvae::PARTS;
use crate::nn::precision::{self, Precision};
use candle_core::{Device, Tensor};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What an entry was made from.
pub type Digest = [u8; 32];

/// Names the way from clips to tokens. To be raised when that way gives other tokens than before.
const FORMAT: u32 = 1;
/// Folder of the files in the folder of the data.
const FOLDER: &str = "tokens";

/// Token maps by what they were made from.
pub struct TokenStore {
    path: PathBuf,
    /// Shared with the cache of the training.
    known: BTreeMap<Digest, Arc<Maps>>,
    /// Whether there are entries that the file lacks.
    fresh: bool,
    /// Whether the file can be written, as far as is known.
    writable: bool,
}

impl TokenStore {
    /// What is known in the data folder `data` of the `split`, of the VQ-VAE with these `tensors` and so many `codes`.
    ///
    /// # Errors
    /// Where the tensors cannot be read.
    pub fn open(data: &Path, split: &str, tensors: &HashMap<String, Tensor>, codes: usize) -> Result<Self> {
        let mut sorted: Vec<_> = tensors.iter().filter(|(name, _)| !name.starts_with("adam.")).collect();
        sorted.sort_by_key(|(name, _)| *name);
        let mut digest = Sha256::new();
        digest.update(FORMAT.to_le_bytes());
        digest.update([u8::from(precision::get() == Precision::Bf16)]);
        for (name, tensor) in sorted {
            digest.update(name);
            let values = tensor.to_dtype(candle_core::DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
            values.iter().for_each(|value| digest.update(value.to_le_bytes()));
        }
        let name: String = digest.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        let path = data.join(FOLDER).join(format!("{split}-{name}.safetensors"));
        let known = if path.is_file() { read(&path, codes) } else { Some(BTreeMap::new()) };
        if known.is_none() {
            tracing::warn!(file = %path.display(), "kept tokens are damaged; clips are encoded again");
        }
        Ok(Self { path, known: known.unwrap_or_default(), fresh: false, writable: true })
    }

    /// Entries.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// The maps of an entry.
    pub(super) fn get(&self, digest: &Digest) -> Option<Arc<Maps>> {
        self.known.get(digest).cloned()
    }

    /// One more entry.
    pub(super) fn put(&mut self, digest: Digest, maps: Arc<Maps>) {
        self.known.insert(digest, maps);
        self.fresh = true;
    }

    /// Write what is new to the disk. A disk that takes nothing is told of once: what is lost is time.
    pub fn keep(&mut self) {
        if !self.fresh || !self.writable {
            return;
        }
        match self.write() {
            Ok(()) => self.fresh = false,
            Err(error) => {
                self.writable = false;
                tracing::warn!(%error, "tokens of clips are not kept; the next training encodes them again");
            }
        }
    }

    fn write(&self) -> Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(|e| crate::error::Error::io("make", folder, e))?;
        let count = self.known.len();
        let digests: Vec<u8> = self.known.keys().flatten().copied().collect();
        let frames: Vec<u32> = self.known.values().map(|maps| maps.frames as u32).collect();
        let ids: Vec<u32> =
            self.known.values().flat_map(|maps| maps.persons.iter().flatten()).copied().collect();
        let total = ids.len();
        let tensors = [
            ("digests".to_owned(), Tensor::from_vec(digests, (count, 32), &Device::Cpu)?),
            ("frames".to_owned(), Tensor::from_vec(frames, count, &Device::Cpu)?),
            ("ids".to_owned(), Tensor::from_vec(ids, total, &Device::Cpu)?),
        ];
        write_whole(&self.path, HashMap::new(), &tensors)
    }
}

/// What a file holds; `None` where it is not whole.
fn read(path: &Path, codes: usize) -> Option<BTreeMap<Digest, Arc<Maps>>> {
    let tensors = candle_core::safetensors::load(path, &Device::Cpu).ok()?;
    let frames = tensors.get("frames")?.to_vec1::<u32>().ok()?;
    let digests = tensors.get("digests")?.to_vec2::<u8>().ok()?;
    let ids = tensors.get("ids")?.to_vec1::<u32>().ok()?;
    let wanted =
        frames.iter().try_fold(0usize, |sum, &n| sum.checked_add((n as usize).checked_mul(2 * PARTS)?))?;
    let are_maps = frames.iter().all(|&n| n > 0) && ids.iter().all(|&id| (id as usize) < codes);
    if digests.len() != frames.len() || wanted != ids.len() || !are_maps {
        return None;
    }
    let mut rest = ids.as_slice();
    let mut known = BTreeMap::new();
    for (digest, &frames) in digests.into_iter().zip(&frames) {
        let frames = frames as usize;
        let (own, after) = rest.split_at(2 * PARTS * frames);
        let (one, two) = own.split_at(PARTS * frames);
        let maps = Maps { frames, persons: [one.to_vec(), two.to_vec()] };
        known.insert(digest.try_into().ok()?, Arc::new(maps));
        rest = after;
    }
    Some(known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whatever_the_file_holds_is_whole_maps_or_nothing(
            at: prop::sample::Index, bytes in prop::collection::vec(any::<u8>(), 0..12), end: prop::sample::Index,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut first = store(folder.path(), 1.0);
            first.put([7; 32], maps(3, 4));
            first.put([2; 32], maps(1, 9));
            first.keep();
            let whole = std::fs::read(&first.path).unwrap();
            let at = at.index(whole.len());
            let mut damaged = whole.clone();
            damaged.splice(at..(at + bytes.len()).min(whole.len()), bytes);
            for file in [&damaged[..], &whole[..end.index(whole.len())]] {
                std::fs::write(&first.path, file).unwrap();
                for maps in store(folder.path(), 1.0).known.values() {
                    prop_assert!(maps.frames > 0);
                    prop_assert!(maps.persons.iter().all(|ids| ids.len() == PARTS * maps.frames));
                    prop_assert!(maps.persons.iter().flatten().all(|&id| id < 16));
                }
            }
        }
    }

    fn store(folder: &Path, scale: f32) -> TokenStore {
        let weight = Tensor::from_vec(vec![scale, 2.0], 2, &Device::Cpu).unwrap();
        let tensors = HashMap::from([("model.a".to_owned(), weight)]);
        TokenStore::open(folder, "train", &tensors, 16).unwrap()
    }

    fn maps(frames: usize, id: u32) -> Arc<Maps> {
        Arc::new(Maps { frames, persons: [vec![id; PARTS * frames], vec![id + 1; PARTS * frames]] })
    }

    #[test]
    fn what_is_kept_is_found_again_by_the_same_vq_vae_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = store(folder.path(), 1.0);
        first.put([7; 32], maps(3, 4));
        first.put([2; 32], maps(1, 9));
        first.keep();
        let again = store(folder.path(), 1.0);
        assert_eq!(again.len(), 2);
        assert_eq!(again.get(&[7; 32]), Some(maps(3, 4)));
        assert_eq!(again.get(&[2; 32]), Some(maps(1, 9)));
        assert_eq!(again.get(&[1; 32]), None);
        assert!(store(folder.path(), 1.5).is_empty());
    }

    #[test]
    fn a_damaged_file_and_ids_that_are_no_codes_are_as_if_there_were_none() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = store(folder.path(), 1.0);
        first.put([7; 32], maps(3, 14));
        first.keep();
        assert_eq!(store(folder.path(), 1.0).len(), 1);
        let bytes = std::fs::read(&first.path).unwrap();
        std::fs::write(&first.path, &bytes[..bytes.len() - 4]).unwrap();
        assert!(store(folder.path(), 1.0).is_empty(), "cut off");
        first.put([8; 32], maps(1, 15));
        first.keep();
        assert!(store(folder.path(), 1.0).is_empty(), "16 is no code of 16");
    }

    #[test]
    fn a_folder_that_cannot_be_made_costs_nothing_but_time() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let mut store = store(&file, 1.0);
        store.put([7; 32], maps(1, 1));
        store.keep();
        assert!(!store.writable);
        assert_eq!(store.get(&[7; 32]), Some(maps(1, 1)));
    }
}
