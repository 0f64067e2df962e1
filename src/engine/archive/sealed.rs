//! Values as bytes that tell whether they are whole: a magic number, a version, the length, postcard under zstd, SHA-256.
//!
//! postcard rather than JSON because every bit of a number has to come back: what is made from a result after a restart
//! is what was made from it before, byte for byte. A change to any type that is kept here is a new [`VERSION`].
//! Version 1 is still read: since then a result says whose codes its tokens are. Version 2 is, too: what it has is written today as it was
//! ([`crate::generate::GenerateRequest`] without a word on memory).

use crate::engine::Finished;
use crate::error::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

const MAGIC: &[u8; 8] = b"duetkept";
/// Of the types that are kept; a test holds their bytes fast.
const VERSION: u8 = 3;
/// Fast; most of what it finds are the rotations that plain and foot-fixed motion share.
const LEVEL: i32 = 3;
/// Longest value, uncompressed: the longest edit in eight samples takes 44 MiB.
const MAX_BYTES: usize = 256 << 20;
/// Magic number, version, length.
const HEAD: usize = 8 + 1 + 8;
const DIGEST: usize = 32;

/// What is kept, and how it was kept before.
pub(super) trait Kept: DeserializeOwned {
    /// What the end of the value's bytes lacks in version 1: a new field comes last.
    const SINCE_1: &'static [u8] = &[];
}

impl Kept for Finished {
    /// `codes`: none.
    const SINCE_1: &'static [u8] = &[0];
}

/// The bytes of a value.
///
/// # Errors
/// Internal ones only: whatever is given here can be written.
pub(super) fn seal<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    let fault = || Error::internal("archive_write", "a value could not be turned into bytes");
    let plain = postcard::to_stdvec(value).map_err(|source| fault().with_source(source))?;
    let packed = zstd::bulk::compress(&plain, LEVEL).map_err(|source| fault().with_source(source))?;
    let mut bytes = Vec::with_capacity(HEAD + packed.len() + DIGEST);
    bytes.extend_from_slice(MAGIC);
    bytes.push(VERSION);
    bytes.extend_from_slice(&(plain.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&packed);
    let digest = Sha256::digest(&bytes);
    bytes.extend_from_slice(&digest);
    Ok(bytes)
}

/// The value of bytes that [`seal`] made.
///
/// # Errors
/// `archive_version` for those of another version, `archive_damaged` for anything else.
pub(super) fn unseal<T: Kept>(bytes: &[u8]) -> Result<T> {
    let damaged = || Error::corrupt("archive_damaged", "what was kept on disk is damaged");
    let (signed, digest) = bytes.split_last_chunk::<DIGEST>().ok_or_else(damaged)?;
    let (head, packed) = signed.split_first_chunk::<HEAD>().ok_or_else(damaged)?;
    if &head[..8] != MAGIC || Sha256::digest(signed)[..] != digest[..] {
        return Err(damaged());
    }
    let since = match head[8] {
        2 | VERSION => &[][..],
        1 => T::SINCE_1,
        other => {
            let message =
                format!("what was kept on disk has the version {other}, this program reads 1 to {VERSION}");
            return Err(Error::new(crate::ErrorKind::Unsupported, "archive_version", message));
        }
    };
    let mut length = [0; 8];
    length.copy_from_slice(&head[9..]);
    let length = usize::try_from(u64::from_le_bytes(length)).ok().filter(|length| *length <= MAX_BYTES);
    let length = length.ok_or_else(damaged)?;
    let mut plain = zstd::bulk::decompress(packed, length).map_err(|source| damaged().with_source(source))?;
    let is_whole = plain.len() == length;
    plain.extend_from_slice(since);
    match postcard::take_from_bytes(&plain) {
        Ok((value, [])) if is_whole => Ok(value),
        Ok(_) => Err(damaged()),
        Err(source) => Err(damaged().with_source(source)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::edit::Edited;
    use crate::engine::task::Work;
    use crate::engine::{MotionId, fake};
    use crate::generate::edit::{Between, EditRequest, Move, React, Source, Stretch, Task, Window};
    use crate::generate::{Familiarity, GenerateRequest, Tokens};
    use crate::motion::BodyParts;
    use proptest::prelude::*;
    use std::sync::Arc;
    use std::time::{Duration, UNIX_EPOCH};

    impl Kept for Vec<Work> {}
    impl Kept for [f32; 4] {}

    /// Every type that is kept, each field with a value of its own.
    fn everything() -> (Finished, Vec<Work>) {
        let mut finished = fake::finished(16, 1);
        finished.id = MotionId::from([7; 16]);
        finished.owner = Some("farm".into());
        finished.created = UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
        finished.request = GenerateRequest {
            prompt: "bow".into(),
            frames: 16,
            seed: u64::MAX - 1,
            samples: 1,
            steps: 9,
            guidance: 0.1,
            top_k_ratio: 0.1,
            temperature: 1.5,
            memory: None,
            foot_fix: true,
            rigid: false,
        };
        finished.edit =
            Some(Edited { parent: Some(MotionId::from([1; 16])), sample: 3, task: Task::Vary(0.1 + 0.2) });
        finished.generated.prompt_truncated = true;
        finished.generated.familiarity =
            Some(Familiarity { near: true, similarity: 0.7, nearest: "they bow".into() });
        finished.generated.samples[0].tokens = Tokens::new((0..40).collect());
        finished.generated.timings.tokens = Duration::from_nanos(123_456_789);
        finished.total = Duration::from_nanos(1_000_000_001);
        finished.codes = Some("ab".repeat(32));
        let sample = &finished.generated.samples[0];
        let (motion, foot_fixed, tokens) =
            (sample.motion.clone(), sample.foot_fixed.clone(), sample.tokens.clone());
        let source = Arc::new(Source { motion, foot_fixed, tokens });
        let parts = BodyParts { legs: true, torso: false, arms: true };
        let tasks = [
            Task::Window(Window { frames: 4..8, persons: [true, false], parts, blend: 12 }),
            Task::React(React { kept: 1, role: 0 }),
            Task::Between(Between { first: 4, middle: 8, last: 4 }),
            Task::Extend(vec![Stretch { prompt: "jump".into(), frames: 16 }]),
            Task::Vary(1.0 / 3.0),
            Task::Move(Move { person: 1, shift: [0.1, -0.2], turn: 0.3, frames: 0..0 }),
        ];
        let how = finished.request.clone();
        let edits = tasks.map(|task| EditRequest { how: how.clone(), source: source.clone(), task });
        let work = edits.into_iter().map(Work::Edit).chain([Work::Generate(how.clone())]).collect();
        (finished, work)
    }

    #[test]
    fn every_bit_comes_back() {
        let (finished, work) = everything();
        assert_eq!(unseal::<Finished>(&seal(&finished).unwrap()).unwrap(), finished);
        assert_eq!(unseal::<Vec<Work>>(&seal(&work).unwrap()).unwrap(), work);
        let odd = [f32::MIN_POSITIVE / 2.0, -0.0, f32::MAX, 0.1];
        let back: [f32; 4] = unseal(&seal(&odd).unwrap()).unwrap();
        assert_eq!(back.map(f32::to_bits), odd.map(f32::to_bits));
    }

    /// Fails when a type that is kept has changed: then files of before cannot be read. Raise `VERSION` with the digest.
    #[test]
    fn the_bytes_of_this_version_stay() {
        let plain = postcard::to_stdvec(&everything()).unwrap();
        let digest: String = Sha256::digest(plain).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((VERSION, &digest[..16]), (3, "875da8740fbb49fd"), "as in version 2");
    }

    #[test]
    fn what_a_request_says_of_memory_comes_back() {
        for (rigid, memory) in [(true, Some(0.25)), (false, Some(0.0)), (true, None), (false, None)] {
            let mut finished = everything().0;
            (finished.request.rigid, finished.request.memory) = (rigid, memory);
            assert_eq!(unseal::<Finished>(&seal(&finished).unwrap()).unwrap(), finished);
        }
    }

    #[test]
    fn results_of_version_1_are_read() {
        let (mut finished, work) = everything();
        finished.codes = None;
        // As that version wrote it: no field at the end, its number in the head.
        let plain = postcard::to_stdvec(&finished).unwrap();
        let (&none, before) = plain.split_last().unwrap();
        assert_eq!(none, 0);
        let old = |plain: &[u8]| {
            let mut bytes = [&MAGIC[..], &[1], &(plain.len() as u64).to_le_bytes()].concat();
            bytes.extend_from_slice(&zstd::bulk::compress(plain, LEVEL).unwrap());
            let digest = Sha256::digest(&bytes);
            bytes.extend_from_slice(&digest);
            bytes
        };
        assert_eq!(unseal::<Finished>(&old(before)).unwrap(), finished);
        assert_eq!(unseal::<Vec<Work>>(&old(&postcard::to_stdvec(&work).unwrap())).unwrap(), work);
        assert_eq!(unseal::<Finished>(&old(&plain)).unwrap_err().code(), "archive_damaged");
    }

    proptest! {
        /// Neither bytes of strangers nor, with a digest that is right, what lies under zstd.
        #[test]
        fn whatever_lies_there_is_read_or_refused(
            noise in prop::collection::vec(any::<u8>(), 0..200),
            plain in prop::collection::vec(any::<u8>(), 0..200),
            version in 0..=VERSION + 1,
            length in prop_oneof![Just(None), any::<u64>().prop_map(Some), (0u64..400).prop_map(Some)],
            is_packed in any::<bool>(),
        ) {
            let length = length.unwrap_or(plain.len() as u64);
            let body = if is_packed { zstd::bulk::compress(&plain, LEVEL).unwrap() } else { plain.clone() };
            let mut forged = [&MAGIC[..], &[version], &length.to_le_bytes(), &body[..]].concat();
            let digest = Sha256::digest(&forged);
            forged.extend_from_slice(&digest);
            for bytes in [&noise, &forged] {
                if let Err(error) = unseal::<Finished>(bytes) {
                    prop_assert!(matches!(error.code(), "archive_damaged" | "archive_version"), "{}", error);
                }
                match unseal::<Vec<Work>>(bytes) {
                    // By their bytes: a number may be none.
                    Ok(work) => {
                        let kept = seal(&work).unwrap();
                        prop_assert_eq!(seal(&unseal::<Vec<Work>>(&kept).unwrap()).unwrap(), kept);
                    }
                    Err(error) => prop_assert!(matches!(error.code(), "archive_damaged" | "archive_version")),
                }
            }
        }

        #[test]
        fn numbers_come_back(bits in any::<[u32; 4]>()) {
            let back: [f32; 4] = unseal(&seal(&bits.map(f32::from_bits)).unwrap()).unwrap();
            prop_assert_eq!(back.map(f32::to_bits), bits);
        }
    }

    #[test]
    fn damage_is_seen() {
        let bytes = seal(&fake::finished(16, 1)).unwrap();
        let code = |bytes: &[u8]| unseal::<Finished>(bytes).unwrap_err().code();
        for place in [0, 8, 9, 16, 17, bytes.len() / 2, bytes.len() - 1] {
            let mut bad = bytes.clone();
            bad[place] ^= 1;
            assert_eq!(code(&bad), "archive_damaged", "byte {place}");
        }
        for length in [0, 1, HEAD, HEAD + DIGEST, bytes.len() - 1] {
            assert_eq!(code(&bytes[..length]), "archive_damaged", "{length} bytes");
        }
        assert_eq!(code(&seal(&7u8).unwrap()), "archive_damaged", "another value");
        // Whole, but of a version to come, or with a length that no memory holds.
        let forged = |place: usize, byte: u8| {
            let mut bad = bytes[..bytes.len() - DIGEST].to_vec();
            bad[place] = byte;
            let digest = Sha256::digest(&bad);
            bad.extend_from_slice(&digest);
            bad
        };
        assert_eq!(code(&forged(8, VERSION + 1)), "archive_version");
        assert_eq!(code(&forged(16, 0xff)), "archive_damaged");
    }
}
