//! Both people of a motion as one NumPy archive: what they do, on which skeleton, and what made it.
//!
//! `numpy.load(path)` reads it without pickle. An npz is a zip archive with an npy file for each array; ours is not compressed,
//! and its entries have no date, so that the same motion gives the same bytes.

use super::{Origin, npy};
use crate::error::{Error, Result};
use crate::motion::animation::Animation;
use crate::motion::skeleton::{NAMES, PARENTS};
use crate::motion::{FPS, JOINTS, Motion};
use npyz::WriterBuilder;
use std::io::{Cursor, Write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// The archive. With T frames, persons first, everything in metres, y up, 30 frames a second:
///
/// | name | shape | type | meaning |
/// |---|---|---|---|
/// | `positions` | (2, T, 22, 3) | float32 | joints in the world |
/// | `rotations` | (2, T, 22, 4) | float32 | solved local rotations w x y z, the pelvis's in the world |
/// | `offsets` | (2, 22, 3) | float32 | bones of the T-pose that `rotations` turn; zeros for the pelvis |
/// | `rotations_6d` | (2, T, 21, 6) | float32 | the model's own numbers for joints 1 to 21, as in the npy files |
/// | `names` | (22,) | str | the joints |
/// | `parents` | (22,) | int32 | parent of each joint, -1 for the pelvis |
/// | `fps` | () | float64 | frames a second |
/// | `prompt`, `model`, `settings` | () | str | what is known; settings are a JSON object |
/// | `seed` | () | uint64 | what is known |
///
/// # Errors
/// Only internal ones.
pub fn write(motion: &Motion, animations: [&Animation; 2], origin: &Origin) -> Result<Vec<u8>> {
    let (frames, joints) = (motion.frames() as u64, JOINTS as u64);
    let mut archive = Archive::new();
    let positions = motion.persons.iter().flat_map(|p| p.positions.iter().flatten().flatten()).copied();
    archive.add("positions", npy::write(&[2, frames, joints, 3], positions)?)?;
    let turns = animations.iter().flat_map(|a| a.turns.iter().flatten()).flat_map(|turn| turn.to_array());
    archive.add("rotations", npy::write(&[2, frames, joints, 4], turns)?)?;
    let offsets = animations.iter().flat_map(|a| a.bones.iter().flatten()).map(|&x| x as f32);
    archive.add("offsets", npy::write(&[2, joints, 3], offsets)?)?;
    let six = motion.persons.iter().flat_map(|p| p.rotations.iter().flatten().flatten()).copied();
    archive.add("rotations_6d", npy::write(&[2, frames, joints - 1, 6], six)?)?;
    archive.add("names", text(&[joints], &NAMES)?)?;
    let parents = PARENTS.map(|parent| parent.map_or(-1, |joint| joint as i32));
    archive.add("parents", npy::write(&[joints], parents)?)?;
    archive.add("fps", npy::write(&[], [f64::from(FPS)])?)?;
    archive.add_origin(origin)?;
    archive.finish()
}

/// A zip archive in memory.
pub(super) struct Archive(ZipWriter<Cursor<Vec<u8>>>);

impl Archive {
    pub(super) fn new() -> Self {
        Self(ZipWriter::new(Cursor::new(Vec::new())))
    }

    /// What is known of where the motion comes from.
    pub(super) fn add_origin(&mut self, origin: &Origin) -> Result<()> {
        let words = [("prompt", &origin.prompt), ("model", &origin.model), ("settings", &origin.settings)];
        for (name, words) in words {
            if let Some(words) = words {
                self.add(name, text(&[], &[words.as_str()])?)?;
            }
        }
        match origin.seed {
            Some(seed) => self.add("seed", npy::write(&[], [seed])?),
            None => Ok(()),
        }
    }

    pub(super) fn add(&mut self, name: &str, npy: Vec<u8>) -> Result<()> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::default())
            .unix_permissions(0o644);
        self.0.start_file(format!("{name}.npy"), options).map_err(failed)?;
        self.0.write_all(&npy).map_err(failed)
    }

    pub(super) fn finish(self) -> Result<Vec<u8>> {
        Ok(self.0.finish().map_err(failed)?.into_inner())
    }
}

/// An array of NumPy's `str`: every entry as wide as the widest, four bytes a character.
pub(super) fn text(shape: &[u64], words: &[&str]) -> Result<Vec<u8>> {
    // NumPy has no strings of width 0.
    let width = words.iter().map(|word| word.chars().count()).max().unwrap_or(0).max(1);
    let mut bytes = Vec::new();
    let kind = format!("<U{width}").parse().map_err(failed)?;
    let written = (|| {
        let options = npyz::WriteOptions::<str>::new().dtype(npyz::DType::Plain(kind));
        let mut writer = options.shape(shape).writer(&mut bytes).begin_nd()?;
        words.iter().try_for_each(|word| writer.push(*word))?;
        writer.finish()
    })();
    written.map_err(failed)?;
    Ok(bytes)
}

fn failed(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::internal("npz_write", "the arrays could not be written in NumPy's format").with_source(source)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::motion::kinematics::tests::walk;
    use std::io::Read;
    use zip::ZipArchive;

    pub(in crate::formats) fn entry(bytes: &[u8], name: &str) -> Option<Vec<u8>> {
        let mut archive = ZipArchive::new(Cursor::new(bytes)).unwrap();
        let mut entry = archive.by_name(&format!("{name}.npy")).ok()?;
        let mut inside = Vec::new();
        entry.read_to_end(&mut inside).unwrap();
        Some(inside)
    }

    pub(in crate::formats) fn words(bytes: &[u8], name: &str) -> Vec<String> {
        npyz::NpyFile::new(&entry(bytes, name).unwrap()[..]).unwrap().into_vec::<String>().unwrap()
    }

    #[test]
    fn everything_is_where_the_table_says() {
        let motion = Motion { persons: [walk(9), walk(9)] };
        let animation = Animation::solve(&motion.persons[0].positions).unwrap();
        let origin = Origin {
            prompt: Some("zwei Menschen tanzen 💃, très vite".into()),
            model: Some("fake".into()),
            seed: Some((1 << 53) - 1),
            settings: Some("{\"frames\":9}".into()),
        };
        let bytes = write(&motion, [&animation, &animation], &origin).unwrap();
        assert_eq!(bytes, write(&motion, [&animation, &animation], &origin).unwrap(), "the same bytes twice");
        let array = |name: &str| npy::read_f32(&entry(&bytes, name).unwrap()).unwrap();
        assert_eq!(array("positions").shape, [2, 9, 22, 3]);
        assert_eq!(array("rotations").shape, [2, 9, 22, 4]);
        assert_eq!(array("offsets").shape, [2, 22, 3]);
        assert_eq!(array("rotations_6d").shape, [2, 9, 21, 6]);
        let positions = array("positions").data;
        let expected: Vec<f32> =
            motion.persons.iter().flat_map(|p| p.positions.iter().flatten().flatten().copied()).collect();
        assert_eq!(positions, expected);
        assert_eq!(array("fps"), npy::Array { shape: vec![], data: vec![30.0] });
        assert_eq!(words(&bytes, "names"), NAMES);
        assert_eq!(words(&bytes, "prompt"), [origin.prompt.as_deref().unwrap()]);
        assert_eq!(words(&bytes, "settings"), ["{\"frames\":9}"]);
        let unknown = write(&motion, [&animation, &animation], &Origin::default()).unwrap();
        assert!(entry(&unknown, "prompt").is_none() && entry(&unknown, "seed").is_none());
    }
}
