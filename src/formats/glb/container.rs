//! The GLB container: a header of 12 bytes, a JSON chunk padded with spaces, a binary chunk padded with zeros.

use crate::error::{Error, Result};
use serde_json::Value;

const MAGIC: &[u8; 4] = b"glTF";
const VERSION: u32 = 2;
const JSON: &[u8; 4] = b"JSON";
const BINARY: &[u8; 4] = b"BIN\0";

/// The file's bytes.
///
/// # Errors
/// `glb_too_large` from 4 GiB on, which no clip reaches.
pub(super) fn pack(document: &Value, mut binary: Vec<u8>) -> Result<Vec<u8>> {
    let mut json = document.to_string().into_bytes();
    json.resize(json.len().next_multiple_of(4), b' ');
    binary.resize(binary.len().next_multiple_of(4), 0);
    let length = 12 + 8 + json.len() + 8 + binary.len();
    let word = |n: usize| {
        u32::try_from(n)
            .map(u32::to_le_bytes)
            .map_err(|_| Error::internal("glb_too_large", "the motion is too long for one GLB file"))
    };
    let mut out = Vec::with_capacity(length);
    out.extend(MAGIC);
    out.extend(VERSION.to_le_bytes());
    out.extend(word(length)?);
    for (kind, bytes) in [(JSON, &json), (BINARY, &binary)] {
        out.extend(word(bytes.len())?);
        out.extend(kind);
        out.extend(bytes);
    }
    Ok(out)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn word(bytes: &[u8], at: usize) -> usize {
        u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
    }

    /// The two chunks of a file, its framing checked.
    pub fn unpack(bytes: &[u8]) -> (Value, &[u8]) {
        assert_eq!((&bytes[..4], word(bytes, 4), word(bytes, 8)), (&b"glTF"[..], 2, bytes.len()));
        let json = word(bytes, 12);
        assert_eq!((&bytes[16..20], json % 4), (&b"JSON"[..], 0));
        let at = 20 + json;
        assert_eq!((&bytes[at + 4..at + 8], word(bytes, at) % 4), (&b"BIN\0"[..], 0));
        assert_eq!(at + 8 + word(bytes, at), bytes.len());
        (serde_json::from_slice(&bytes[20..at]).unwrap(), &bytes[at + 8..])
    }

    #[test]
    fn chunks_are_padded_to_four_bytes() {
        for length in 0..5 {
            let document = serde_json::json!({"a": "x".repeat(length)});
            let packed = pack(&document, vec![7; length]).unwrap();
            let (json, binary) = unpack(&packed);
            assert_eq!((json, binary.len()), (document, length.next_multiple_of(4)));
            assert!(binary[length..].iter().all(|&b| b == 0));
        }
    }
}
