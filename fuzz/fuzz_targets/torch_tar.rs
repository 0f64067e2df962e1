//! Checkpoints of PyTorch: bytes that start as a zip are one; any others are the pickle inside a sound one, so that its
//! checksum does not keep the fuzzer from what is behind it.
#![no_main]

use duet::package::import::torch;
use libfuzzer_sys::fuzz_target;
use std::io::{Cursor, Write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

#[global_allocator]
static ALLOCATOR: cap::Cap<std::alloc::System> = cap::Cap::new(std::alloc::System, 256 << 20);

fuzz_target!(|data: &[u8]| {
    // In memory where there is such a folder: a file is made for every input.
    let folder = std::path::Path::new("/dev/shm");
    let mut file = if folder.is_dir() {
        tempfile::NamedTempFile::new_in(folder)
    } else {
        tempfile::NamedTempFile::new()
    }
    .expect("a file");
    let whole = if data.starts_with(b"PK") { data.to_vec() } else { around(data) };
    file.write_all(&whole).expect("written");
    let Ok(tensors) = torch::read(file.path(), &["net", "vq_model"], |_| true) else { return };
    for tensor in tensors.values() {
        let numbers = tensor.flatten_all().and_then(|all| all.to_vec1::<f32>()).expect("numbers on the CPU");
        assert!(numbers.iter().all(|x| x.is_finite()));
    }
});

/// A checkpoint with this pickle and two storages.
fn around(pickle: &[u8]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let plain = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, bytes) in [("data.pkl", pickle), ("data/0", &[0; 64]), ("data/1", &[1; 24])] {
        archive.start_file(format!("archive/{name}"), plain).expect("an entry");
        archive.write_all(bytes).expect("written");
    }
    archive.finish().expect("finished").into_inner()
}
