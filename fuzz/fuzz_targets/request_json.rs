//! Bodies of requests. The first byte chooses the door: a generation, an edit with its files, a batch.
#![no_main]

use duet::engine::{Parent, RawEdit, RawRequest, batch};
use libfuzzer_sys::fuzz_target;

#[global_allocator]
static ALLOCATOR: cap::Cap<std::alloc::System> = cap::Cap::new(std::alloc::System, 256 << 20);

fuzz_target!(|data: &[u8]| {
    let Some((door, body)) = data.split_first() else { return };
    match door % 3 {
        0 => {
            let _ = RawRequest::from_json(body).and_then(RawRequest::validate);
        }
        1 => {
            let Ok(mut raw) = RawEdit::from_json(body) else { return };
            let files = raw.files.take();
            let Ok(parent) = Parent::of_files(files.as_deref().unwrap_or_default()) else { return };
            let _ = raw.validate(parent);
        }
        _ => {
            let _ = batch::read(body).map(|members| {
                assert!((1..=batch::MAX_BATCH).contains(&members.len()));
            });
        }
    }
});
