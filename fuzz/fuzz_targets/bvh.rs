//! Motion capture: the text of a BVH file, plain or gzip, and of a mapping where a NUL divides the two.
#![no_main]

use duet::formats::bvh::{BUILTIN_MAPPINGS, Bvh, Mapping};
use libfuzzer_sys::fuzz_target;

#[global_allocator]
static ALLOCATOR: cap::Cap<std::alloc::System> = cap::Cap::new(std::alloc::System, 256 << 20);

fuzz_target!(|data: &[u8]| {
    // A gzip file has NULs of its own.
    let divided = if data.starts_with(&[0x1f, 0x8b]) { None } else { data.iter().position(|byte| *byte == 0) };
    let (file, mapping) = match divided {
        Some(at) => (&data[..at], Mapping::parse(&String::from_utf8_lossy(&data[at + 1..])).ok()),
        None => (data, None),
    };
    // As an edit takes it: a minute at most.
    let _ =
        duet::formats::read_person(file, 1803).map(|person| assert!((1..=1803).contains(&person.frames())));
    let Ok(bvh) = Bvh::from_bytes(file) else { return };
    for at in [0.0, 0.5, bvh.frames() as f64 - 1.0] {
        let places = bvh.world_positions(at);
        assert_eq!(places.len(), bvh.nodes().len());
        assert!(places.iter().flatten().all(|x| x.is_finite()));
    }
    let builtin = BUILTIN_MAPPINGS.iter().filter_map(|(name, _)| Mapping::builtin(name).ok());
    for mapping in builtin.chain(mapping) {
        let Ok(bound) = mapping.bind(&bvh) else { continue };
        if bound.frames() <= 1803 {
            let converted = bound.convert().expect("it is short");
            assert_eq!(converted.positions.len(), bound.frames());
            assert!(converted.positions.iter().flatten().flatten().all(|x| x.is_finite()));
        }
    }
});
