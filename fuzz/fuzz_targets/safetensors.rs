//! Weights: an error, or finite tensors that are read back as they were written.
#![no_main]

use candle_core::Tensor;
use duet::package::weights::{self, Precision};
use libfuzzer_sys::fuzz_target;

#[global_allocator]
static ALLOCATOR: cap::Cap<std::alloc::System> = cap::Cap::new(std::alloc::System, 64 << 20);

fuzz_target!(|data: &[u8]| {
    let read = |data: &[u8]| weights::read(data, data.len() as u64, "file", None, |_| true);
    let Ok((tensors, digest)) = read(data) else { return };
    assert_eq!(digest, duet::package::digest::sha256(data).expect("a digest"));
    let mut written = Vec::new();
    weights::write(&mut written, &tensors, Precision::Full).expect("what was read can be written");
    let (again, _) = read(&written).expect("what was written can be read");
    assert_eq!(again.len(), tensors.len());
    for (name, tensor) in &tensors {
        let numbers = |tensor: &Tensor| {
            tensor.flatten_all().and_then(|all| all.to_vec1::<f32>()).expect("numbers on the CPU")
        };
        assert_eq!(again[name].dims(), tensor.dims());
        assert_eq!(numbers(&again[name]), numbers(tensor));
    }
});
