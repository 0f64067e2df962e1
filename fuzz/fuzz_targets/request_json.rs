//! Bodies of requests. The first byte chooses the door: a generation, an edit with its files, a batch.
#![no_main]

use duet::engine::{Engine, Limits, ModelSpec, Parent, RawEdit, RawRequest, batch};
use libfuzzer_sys::fuzz_target;
use std::sync::{Arc, LazyLock};

#[global_allocator]
static ALLOCATOR: cap::Cap<std::alloc::System> = cap::Cap::new(std::alloc::System, 256 << 20);

/// An engine whose model is not there.
static NOBODY: LazyLock<Engine> = LazyLock::new(|| {
    let model = ModelSpec {
        name: "nobody".into(),
        title: String::new(),
        knows: String::new(),
        examples: Vec::new(),
        guidance: None,
        memory: None,
        licence: String::new(),
        files: Vec::new(),
        loader: Arc::new(|| Err(duet::Error::invalid("not_here", "this model is not there"))),
    };
    Engine::start(vec![model], None, Limits::default()).expect("nothing is loaded")
});

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
            let _ = batch::read(&NOBODY, body).map(|members| {
                assert!((1..=batch::MAX_BATCH).contains(&members.len()));
            });
        }
    }
});
