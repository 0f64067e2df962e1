//! NumPy files: an error, or an array that is read back as it was written.
#![no_main]

use duet::formats::npy;
use libfuzzer_sys::fuzz_target;

/// Inputs have at most 64 KiB, so that no honest reader comes near this.
#[global_allocator]
static ALLOCATOR: cap::Cap<std::alloc::System> = cap::Cap::new(std::alloc::System, 64 << 20);

fuzz_target!(|data: &[u8]| {
    let _ = npy::read_person(data).map(|person| {
        let again = npy::read_person(&npy::write_person(&person).expect("it is written")).expect("and read");
        assert_eq!(again, person);
    });
    let _ = npy::read_f64(data).map(|array| {
        assert_eq!(array.shape.iter().product::<usize>(), array.data.len());
    });
    let Ok(array) = npy::read_f32(data) else { return };
    let written = npy::write_f32(&array.shape, &array.data).expect("what was read can be written");
    let again = npy::read_f32(&written).expect("what was written can be read");
    let bits = |numbers: &[f32]| numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!((again.shape, bits(&again.data)), (array.shape, bits(&array.data)));
});
