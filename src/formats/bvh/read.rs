//! From a file on disk, plain or gzip, to text of bounded size.

use super::{Bvh, MAX_BYTES};
use crate::error::{Error, ErrorKind, Result};
use std::borrow::Cow;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

/// How gzip data begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// What some editors put before any text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// The first word of a file.
const FIRST: &[u8] = b"HIERARCHY";

impl Bvh {
    /// Read and parse a file. Compression is recognised by its first two bytes, not by its name.
    ///
    /// # Errors
    /// `file_not_found` and the like from the disk, `bvh_too_large`, `bvh_gzip`, and those of [`Bvh::parse`]; each
    /// message names the file.
    pub fn read(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|source| Error::io("open", path, source))?;
        let in_file = |error: Error| {
            Error::new(error.kind(), error.code(), format!("{}: {error}", path.display())).with_source(error)
        };
        let bytes = read_bounded(file, MAX_BYTES).map_err(|failure| match failure {
            ReadFailure::Disk(source) => Error::io("read", path, source),
            ReadFailure::Content(error) => in_file(error),
        })?;
        Self::from_bytes(&bytes).map_err(in_file)
    }

    /// Parse the bytes of an uncompressed file; bytes that are not UTF-8 (in names) become replacement characters.
    ///
    /// # Errors
    /// Those of [`Bvh::parse`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::parse(&String::from_utf8_lossy(text(bytes)))
    }

    /// Whether the bytes of an uncompressed file begin as one.
    pub fn is_begun(bytes: &[u8]) -> bool {
        let start = text(bytes).trim_ascii_start().get(..FIRST.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(FIRST))
    }
}

/// The bytes of a file, unpacked where they are gzip data, to at most `most` bytes.
///
/// # Errors
/// `bvh_too_large`, `bvh_gzip`.
pub fn unpacked(bytes: &[u8], most: u64) -> Result<Cow<'_, [u8]>> {
    if !bytes.starts_with(&GZIP) {
        return Ok(bytes.into());
    }
    gunzip(bytes, most).map(Cow::Owned)
}

fn text(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes)
}

enum ReadFailure {
    Disk(std::io::Error),
    Content(Error),
}

fn read_bounded(source: impl Read, limit: u64) -> std::result::Result<Vec<u8>, ReadFailure> {
    let mut source = BufReader::new(source);
    let mut magic = Vec::with_capacity(2);
    source.by_ref().take(2).read_to_end(&mut magic).map_err(ReadFailure::Disk)?;
    let compressed = magic == GZIP;
    let whole = std::io::Cursor::new(magic).chain(source);
    if compressed {
        return gunzip(whole, limit).map_err(ReadFailure::Content);
    }
    let mut bytes = Vec::new();
    whole.take(limit + 1).read_to_end(&mut bytes).map_err(ReadFailure::Disk)?;
    within(bytes, limit).map_err(ReadFailure::Content)
}

/// What is packed, of which no more than `limit` bytes are unpacked.
fn gunzip(packed: impl Read, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // Several members one after the other are one file to gzip(1), so to us.
    let read = flate2::read::MultiGzDecoder::new(packed).take(limit + 1).read_to_end(&mut bytes);
    read.map_err(|source| {
        Error::corrupt("bvh_gzip", "the gzip data is damaged or was cut; copy or download the file again")
            .with_source(source)
    })?;
    within(bytes, limit)
}

fn within(bytes: Vec<u8>, limit: u64) -> Result<Vec<u8>> {
    if bytes.len() as u64 > limit {
        let message =
            format!("holds more than {} MB of text; cut the recording into shorter files", limit >> 20);
        return Err(Error::new(ErrorKind::Invalid, "bvh_too_large", message));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    const TINY: &str = "HIERARCHY\nROOT a\n{\nOFFSET 0 0 0\nCHANNELS 3 Xposition Yposition Zposition\n\
                        End Site\n{\nOFFSET 0 1 0\n}\n}\nMOTION\nFrames: 1\nFrame Time: 0.1\n1 2 3\n";

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn content_error(bytes: &[u8], limit: u64) -> Error {
        match read_bounded(bytes, limit) {
            Err(ReadFailure::Content(error)) => error,
            Err(ReadFailure::Disk(error)) => panic!("disk: {error}"),
            Ok(_) => panic!("was accepted"),
        }
    }

    #[test]
    fn plain_and_compressed_files_are_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let (plain, packed) = (folder.path().join("a.bvh"), folder.path().join("b.bvh"));
        std::fs::write(&plain, TINY).unwrap();
        std::fs::write(&packed, gzip(TINY)).unwrap();
        assert_eq!(Bvh::read(&plain).unwrap(), Bvh::read(&packed).unwrap());
    }

    #[test]
    fn the_first_word_may_be_in_any_case_and_after_a_mark() {
        let marked = format!("\u{feff}{}", TINY.to_lowercase());
        assert_eq!(Bvh::from_bytes(marked.as_bytes()).unwrap(), Bvh::parse(TINY).unwrap());
        for begun in [marked.as_str(), TINY, "\r\n Hierarchy"] {
            assert!(Bvh::is_begun(begun.as_bytes()), "{begun}");
        }
        for other in ["", "HIERARCH", "ROOT HIERARCHY"] {
            assert!(!Bvh::is_begun(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn bytes_are_unpacked_to_a_bound() {
        let (packed, most) = (gzip(TINY), TINY.len() as u64);
        assert_eq!(unpacked(&packed, most).unwrap(), TINY.as_bytes());
        assert_eq!(unpacked(TINY.as_bytes(), 0).unwrap(), TINY.as_bytes());
        assert_eq!(unpacked(&packed, most - 1).unwrap_err().code(), "bvh_too_large");
        assert_eq!(unpacked(&packed[..packed.len() - 9], most).unwrap_err().code(), "bvh_gzip");
    }

    #[test]
    fn cut_gzip_is_said_to_be_cut() {
        let packed = gzip(TINY);
        assert_eq!(content_error(&packed[..packed.len() - 9], 1 << 20).code(), "bvh_gzip");
    }

    #[test]
    fn a_small_file_that_unpacks_to_a_large_one_is_stopped_at_the_limit() {
        let bomb = gzip(&" ".repeat(1 << 20));
        assert!(bomb.len() < 4096);
        assert_eq!(content_error(&bomb, 1 << 16).code(), "bvh_too_large");
    }

    #[test]
    fn messages_name_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cut.bvh");
        std::fs::write(&path, "HIERARCHY\nROOT a\n{\n").unwrap();
        assert!(Bvh::read(&path).unwrap_err().to_string().contains("cut.bvh"));
        let missing = Bvh::read(&folder.path().join("none.bvh")).unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound);
    }
}
