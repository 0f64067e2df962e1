//! From a file on disk, plain or gzip, to text of bounded size.

use super::{Bvh, MAX_BYTES};
use crate::error::{Error, ErrorKind, Result};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

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
        Self::parse(&String::from_utf8_lossy(bytes))
    }
}

enum ReadFailure {
    Disk(std::io::Error),
    Content(Error),
}

fn read_bounded(source: impl Read, limit: u64) -> std::result::Result<Vec<u8>, ReadFailure> {
    let mut source = BufReader::new(source);
    let mut magic = Vec::with_capacity(2);
    source.by_ref().take(2).read_to_end(&mut magic).map_err(ReadFailure::Disk)?;
    let compressed = magic == [0x1f, 0x8b];
    let whole = std::io::Cursor::new(magic).chain(source);
    let mut bytes = Vec::new();
    if compressed {
        // Several members one after the other are one file to gzip(1), so to us.
        flate2::read::MultiGzDecoder::new(whole).take(limit + 1).read_to_end(&mut bytes).map_err(
            |source| {
                ReadFailure::Content(
                    Error::corrupt(
                        "bvh_gzip",
                        "the gzip data is damaged or was cut; copy or download the file again",
                    )
                    .with_source(source),
                )
            },
        )?;
    } else {
        whole.take(limit + 1).read_to_end(&mut bytes).map_err(ReadFailure::Disk)?;
    }
    if bytes.len() as u64 > limit {
        let message =
            format!("holds more than {} MB of text; cut the recording into shorter files", limit >> 20);
        return Err(ReadFailure::Content(Error::new(ErrorKind::Invalid, "bvh_too_large", message)));
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
