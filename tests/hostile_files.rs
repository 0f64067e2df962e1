//! Files of strangers: whatever their bytes, reading them gives an error or a value that is written back the same, never a
//! panic, and takes no more memory than the bytes deserve. The whole program may have [`MOST`] bytes: who asks for more ends it.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has to stop")]

use duet::data::compose::ComposeRecipe;
use duet::data::folder::Reader;
use duet::data::{Folder, Recipe, Split};
use duet::engine::{Engine, Limits, ModelSpec, Parent, RawEdit, RawRequest, batch};
use duet::eval::adherence::prompt;
use duet::formats::bvh::{BUILTIN_MAPPINGS, Bvh, Mapping};
use duet::formats::{npy, read_person};
use duet::package::import::options::parse_options;
use duet::package::import::pickle::Pickle;
use duet::package::import::torch;
use duet::package::weights::{self, Precision};
use duet::package::{Manifest, examples};
use duet::{ErrorKind, Result};
use proptest::prelude::*;
use std::io::{Cursor, Write};
use std::path::Component;
use std::sync::{Arc, LazyLock};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Memory of the whole program, bytes.
const MOST: usize = 96 << 20;

#[global_allocator]
static MEMORY: cap::Cap<std::alloc::System> = cap::Cap::new(std::alloc::System, MOST);

#[test]
fn the_bound_is_in_force() {
    assert!(Vec::<u8>::new().try_reserve_exact(MOST).is_err());
    assert!(Vec::<u8>::new().try_reserve_exact(MOST / 4).is_ok());
}

/// Bytes that were `valid` once: some were replaced, cut out or written twice, and the end may be gone.
fn damaged(valid: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let places = any::<(prop::sample::Index, prop::sample::Index)>();
    let change = (places, 0..4u8, prop::collection::vec(any::<u8>(), 0..9));
    prop::collection::vec(change, 1..6).prop_map(move |changes| {
        let mut bytes = valid.clone();
        for ((at, to), kind, new) in changes {
            let (a, b) = (at.index(bytes.len() + 1), to.index(bytes.len() + 1));
            let (from, to) = (a.min(b), a.max(b));
            match kind {
                0 => drop(bytes.splice(from..(from + new.len()).min(bytes.len()), new)),
                // Short stretches more than long ones, or little would be left to read.
                1 => drop(bytes.drain(from..to.min(from + 16))),
                2 => bytes.extend_from_within(from..to.min(from + 64)),
                _ => bytes.truncate(to.max(bytes.len() / 2)),
            }
        }
        bytes
    })
}

fn noise(most: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..most)
}

fn array() -> Vec<u8> {
    npy::write_f32(&[2, 3], &[0.0, 1.0, -2.5, f32::MAX, 1e-30, 6.0]).unwrap()
}

const ARM: &str = "HIERARCHY\nROOT hip\n{\nOFFSET 0 1 0\nCHANNELS 6 Xposition Yposition Zposition Zrotation Yrotation Xrotation\n\
    JOINT upper arm\n{\nOFFSET 1 0 0\nCHANNELS 3 Zrotation Xrotation Yrotation\nEnd Site\n{\nOFFSET 2 0 0\n}\n}\n}\nMOTION\n\
    Frames: 2\nFrame Time: .0083333\n0 1 0 0 0 0 90 0 0\n0 1 0 0 0 0 0 0 90\n";

fn stored(header: &str, body: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), body].concat()
}

fn two_tensors() -> Vec<u8> {
    let header = r#"{"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"b":{"dtype":"F16","shape":[2],"data_offsets":[8,12]}}"#;
    stored(header, &[0, 0, 128, 63, 0, 0, 0, 64, 0, 60, 0, 64])
}

fn tensors(bytes: &[u8]) -> Result<weights::Tensors> {
    Ok(weights::read(bytes, bytes.len() as u64, "file", None, |_| true)?.0)
}

/// A tensor as torch pickles it: of storage 0 of so many numbers, the offset, rows and columns.
fn pickled(storage: u32, offset: u8, rows: u8, columns: u8) -> Vec<u8> {
    [
        b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n",
        &b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpuJ"[..],
        &storage.to_le_bytes(),
        b"tQK",
        &[offset],
        b"K",
        &[rows],
        b"K",
        &[columns],
        b"\x86K",
        &[columns],
        b"K\x01\x86\x89}tR",
    ]
    .concat()
}

/// A state dict of these tensors, called t0, t1 and so on.
fn state_dict(tensors: &[Vec<u8>]) -> Vec<u8> {
    let mut pickle = b"\x80\x02}X\x03\x00\x00\x00net}(".to_vec();
    for (i, tensor) in tensors.iter().enumerate() {
        let name = format!("t{i}");
        pickle.push(b'X');
        pickle.extend((name.len() as u32).to_le_bytes());
        pickle.extend(name.as_bytes());
        pickle.extend(tensor);
    }
    pickle.extend(b"us.");
    pickle
}

fn one_tensor(storage: u32, offset: u8, rows: u8, columns: u8) -> Vec<u8> {
    state_dict(&[pickled(storage, offset, rows, columns)])
}

/// A checkpoint with this pickle and a storage 0 of so many bytes.
fn checkpoint(pickle: &[u8], storage: usize) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let plain = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, bytes) in [("archive/data.pkl", pickle), ("archive/data/0", &vec![0; storage])] {
        archive.start_file(name, plain).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn from_torch(bytes: &[u8]) -> Result<weights::Tensors> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    torch::read(file.path(), &["net"], |_| true)
}

fn manifest() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/models/duet-mini/model.toml")).unwrap()
}

fn options() -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/parity/hub_layout/");
    std::fs::read_to_string(format!("{folder}vq_opt.txt")).unwrap()
}

const GENERATION: &str = r#"{"prompt":"p","seconds":4,"seed":7,"samples":2,"steps":3,"guidance":2,"top_k_ratio":0.5,"temperature":1,"memory":0.5,"foot_fix":false,"rigid":false,"model":"m"}"#;
const BATCH: &str = r#"{"requests":[{"prompt":"they bow","frames":90},{"prompt":"they hug"}]}"#;
const EDIT: &str = r#"{"sample":1,"files":["aGk="],"kind":"window","from":4,"to":8,"persons":[1,2],"parts":["arms"],"blend":3,"prompt":"they bow"}"#;

const PROMPTS: &str = r#"
[[prompts]]
id = "raise-1"
family = "raise"
prompt = "the first person raises the left hand"
pair = "side/raise"
seconds = 2.5
roles = "listed"
checks = [
    { is = "raises", who = "A", hand = "left", above = "chest" },
    { is = "not", check = { is = "stays", who = "B" } },
]

[[prompts]]
id = "raise-2"
family = "raise"
prompt = "the first person raises the right hand"
pair = "side/raise"
checks = [{ is = "any", checks = [{ is = "raises", who = "A", hand = "right", seconds = 0.4 }] }]
"#;

const EXAMPLES: &str = r#"
[[examples]]
family = "Greet"
prompt = "both bow"
seconds = 3

[[examples]]
family = "Walk"
prompt = "one person chases the other"
seconds = 4.5
"#;

const RECIPE: &str = r#"
name = "test"
min_clip = 32
crops = [{ frames = 64, stride = 32 }]
paraphrases = 2
activities.walk = ["two people walk"]

[[takes]]
id = "a_1"
person1 = "bvh/a.bvh"
person2 = "bvh/b.bvh"
mapping = "daz"
split = "train"
activity = { span = [0.0, 1.0], captions = "walk" }
cuts = [{ frames = [10, 20], reason = "a jump" }]
repairs = [{ person = 1, frames = [4, 8] }]
speeds = [0.9]
copies = 2
captions = ["two people walk"]
segments = [{ start = 0.0, end = 1.0, text = "two people start" }]
shift_person2 = { metres = [0.1, -0.2], reason = "they stand in each other" }
"#;

const COMPOSITION: &str = r#"
name = "test"
acknowledgment = "thanks"
pairs = "cmu-two-person"
without = ["18_19_01"]
pair_copies = 6
clips = 50
seconds = [2.2, 8.0]
captions = [4, 8]
misspelt = 0.02
val = 0.03
test = 0.04
held = { val = ["08_03"], test = ["07_04", "08_06"] }
families = { act-watch = 14, unison = 0.5 }
"#;

#[test]
fn what_is_damaged_below_is_whole_here() {
    assert_eq!(prompt::read(PROMPTS).unwrap().len(), 2);
    assert_eq!(examples::parse(EXAMPLES).unwrap().len(), 2);
    assert_eq!(Recipe::parse(RECIPE).unwrap().takes.len(), 1);
    assert_eq!(ComposeRecipe::parse(COMPOSITION).unwrap().families.len(), 2);
}

/// A person of four frames as a training folder has it.
fn rows() -> Vec<u8> {
    npy::write_f32(&[4, 492], &[0.5; 4 * 492]).unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut file = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    file.write_all(bytes).unwrap();
    file.finish().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn check_array(bytes: &[u8]) -> std::result::Result<(), TestCaseError> {
    let Ok(array) = npy::read_f32(bytes) else { return Ok(()) };
    let again = npy::read_f32(&npy::write_f32(&array.shape, &array.data).unwrap()).unwrap();
    let bits = |numbers: &[f32]| numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    prop_assert_eq!((again.shape, bits(&again.data)), (array.shape, bits(&array.data)));
    Ok(())
}

fn check_weights(bytes: &[u8]) -> std::result::Result<(), TestCaseError> {
    let Ok(read) = tensors(bytes) else { return Ok(()) };
    let mut written = Vec::new();
    weights::write(&mut written, &read, Precision::Full).unwrap();
    let again = tensors(&written).unwrap();
    prop_assert_eq!(again.len(), read.len());
    for (name, tensor) in read {
        prop_assert_eq!(again[&name].dims(), tensor.dims());
    }
    Ok(())
}

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
    Engine::start(vec![model], None, Limits::default()).unwrap()
});

fn check_requests(bytes: &[u8]) -> std::result::Result<(), TestCaseError> {
    let _ = RawRequest::from_json(bytes).and_then(RawRequest::validate);
    if let Ok(members) = batch::read(&NOBODY, bytes) {
        prop_assert!((1..=batch::MAX_BATCH).contains(&members.len()));
    }
    if let Ok(edit) = RawEdit::from_json(bytes) {
        let _ = Parent::of_files(edit.files.as_deref().unwrap_or_default());
        let person = npy::write_f32(&[16, 22, 9], &[0.5; 16 * 22 * 9]).unwrap();
        let person = npy::read_person(&person).unwrap();
        let parent = Parent::of_persons(vec![person.clone(), person]).unwrap();
        let _ = edit.sample().and_then(|_| edit.validate(parent));
    }
    Ok(())
}

proptest! {
    #[test]
    fn arrays(noise in noise(300), damaged in damaged(array())) {
        check_array(&noise)?;
        check_array(&damaged)?;
        let _ = npy::read_person(&damaged);
    }

    #[test]
    fn recordings(noise in noise(300), damaged in damaged(ARM.into()), time in -1.0..3.0f64) {
        for bytes in [noise, damaged] {
            let Ok(bvh) = Bvh::from_bytes(&bytes) else { continue };
            let places = bvh.world_positions(time);
            prop_assert!(places.len() == bvh.nodes().len() && places.iter().flatten().all(|x| x.is_finite()));
        }
    }

    #[test]
    fn compressed_recordings(noise in noise(300), damaged in damaged(gzip(ARM.as_bytes())), inside in damaged(ARM.into())) {
        for bytes in [[&[0x1f, 0x8b][..], &noise].concat(), damaged, gzip(&inside)] {
            if let Ok(person) = read_person(&bytes, 1803) {
                prop_assert!((1..=1803).contains(&person.frames()));
            }
        }
    }

    #[test]
    fn training_folders(
        list in noise(200), names in "[ -~\n]{0,80}", captions in noise(200), motion in damaged(rows()), stats in damaged(array()),
    ) {
        let root = tempfile::tempdir().unwrap();
        let put = |name: &str, bytes: &[u8]| {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        };
        put("motions_processed/person1/a.npy", &rows());
        put("motions_processed/person2/a.npy", &motion);
        put("annots/a.txt", &captions);
        put("stats/global_mean.npy", &stats);
        put("stats/global_std.npy", &stats);
        put("split/train.txt", &list);
        put("split/val.txt", names.as_bytes());
        let Ok(folder) = Folder::open(root.path()) else { return Ok(()) };
        for split in [Split::Train, Split::Val] {
            for id in folder.ids(split, Reader::Text).unwrap_or_default() {
                prop_assert!(!id.starts_with('.') && !id.contains(['/', '\\', '\0']), "{id}");
            }
        }
        if let Ok(captions) = folder.captions("a") {
            prop_assert!(!captions.is_empty() && captions.iter().all(|caption| !caption.trim().is_empty()));
        }
        if let Ok(pair) = folder.pair("a") {
            prop_assert_eq!(pair.persons[0].frames(), pair.persons[1].frames());
        }
        let _ = folder.stats();
    }

    #[test]
    fn mappings(noise in noise(300), damaged in damaged(BUILTIN_MAPPINGS[0].1.into())) {
        let _ = Mapping::parse(&text(&noise));
        if let Ok(mapping) = Mapping::parse(&text(&damaged)) {
            let _ = mapping.bind(&Bvh::parse(ARM).unwrap()).map(|bound| bound.frames());
        }
    }

    #[test]
    fn weights_of_packages(noise in noise(300), damaged in damaged(two_tensors()), claimed in any::<u64>()) {
        check_weights(&noise)?;
        check_weights(&damaged)?;
        // The length is the file's own, and files lie.
        prop_assert!(weights::read(&damaged[..], claimed.max(1 << 32), "file", None, |_| true).is_err());
    }

    #[test]
    fn checkpoints(
        noise in noise(200), pickle in damaged(one_tensor(16, 0, 4, 4)), file in damaged(checkpoint(&one_tensor(16, 0, 4, 4), 64)),
        storage in prop_oneof![Just(16u32), any::<u32>()], (offset, rows, columns) in (0..18u8, 0..6u8, 0..6u8),
    ) {
        let _ = Pickle::parse(&noise);
        for bytes in [checkpoint(&noise, 64), checkpoint(&pickle, 64), file] {
            let _ = from_torch(&bytes);
        }
        let read = from_torch(&checkpoint(&one_tensor(storage, offset, rows, columns), 64));
        let fits = u32::from(offset) + u32::from(rows) * u32::from(columns) <= storage && storage == 16;
        prop_assert!(!fits || read.is_ok_and(|tensors| tensors["t0"].dims() == [usize::from(rows), usize::from(columns)]));
    }

    #[test]
    fn manifests(noise in noise(300), damaged in damaged(manifest().into_bytes())) {
        let _ = Manifest::parse(&text(&noise));
        if let Ok(manifest) = Manifest::parse(&text(&damaged)) {
            prop_assert_eq!(Manifest::parse(&manifest.to_toml().unwrap()).unwrap(), manifest);
        }
    }

    #[test]
    fn option_files(noise in noise(300), damaged in damaged(options().into_bytes()), key in "\\PC{0,8}") {
        for bytes in [noise, damaged] {
            let Ok(options) = parse_options(&text(&bytes)) else { continue };
            let _ = (options.size(&key), options.text(&key));
        }
    }

    #[test]
    fn requests(noise in noise(300), which in 0..3usize, seed in any::<prop::sample::Index>(), new in noise(6)) {
        check_requests(&noise)?;
        let mut body = [GENERATION, BATCH, EDIT][which].as_bytes().to_vec();
        let at = seed.index(body.len());
        body.splice(at..(at + new.len()).min(body.len()), new);
        check_requests(&body)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn prompts_with_checks(noise in noise(300), damaged in damaged(PROMPTS.into())) {
        for bytes in [noise, damaged] {
            match prompt::read(&text(&bytes)) {
                Ok(prompts) => prop_assert!(prompts.iter().all(|prompt| !prompt.checks.is_empty())),
                Err(error) => prop_assert_eq!(error.code(), "prompt_file"),
            }
        }
    }

    #[test]
    fn examples_of_packages(noise in noise(300), damaged in damaged(EXAMPLES.into())) {
        for bytes in [noise, damaged] {
            match examples::parse(&text(&bytes)) {
                Ok(read) => prop_assert!(read.iter().all(|example| (0.5..=10.0).contains(&example.seconds))),
                Err(error) => prop_assert_eq!(error.code(), "examples_file"),
            }
        }
    }

    #[test]
    fn recipes(noise in noise(300), damaged in damaged(RECIPE.into())) {
        for bytes in [noise, damaged] {
            match Recipe::parse(&text(&bytes)) {
                Ok(recipe) => {
                    let files = recipe.takes.iter().flat_map(|take| [&take.person1, &take.person2]);
                    let mut parts = files.flat_map(|path| path.components());
                    prop_assert!(parts.all(|part| matches!(part, Component::Normal(_))), "outside the folder");
                }
                Err(error) => prop_assert_eq!(error.code(), "recipe_invalid"),
            }
        }
    }

    #[test]
    fn recipes_of_composition(noise in noise(300), damaged in damaged(COMPOSITION.into())) {
        for bytes in [noise, damaged] {
            match ComposeRecipe::parse(&text(&bytes)) {
                Ok(recipe) => prop_assert!(recipe.families.values().all(|weight| *weight >= 0.0)),
                Err(error) => prop_assert_eq!(error.code(), "recipe_invalid"),
            }
        }
    }
}

/// What was declared is larger than what is there: the heap must not be what is read instead.
#[test]
fn sizes_that_lie_are_refused() {
    let damaged = |bytes: &[u8]| tensors(bytes).unwrap_err().kind() == ErrorKind::Corrupt;
    for header in [0, 1, 8, 1 << 24, (1 << 24) + 1, 1 << 63, u64::MAX] {
        assert!(damaged(&header.to_le_bytes()), "a header of {header} bytes and nothing more");
    }
    for (shape, from, to) in [
        ("[1073741824]", 0, 4294967296u64),
        ("[2]", 0, 8),
        ("[1]", 4, 8),
        ("[1]", 8, 4),
        ("[4611686018427387904, 4]", 0, 4),
        ("[18446744073709551615]", 0, 18446744073709551612),
    ] {
        let header = format!(r#"{{"a":{{"dtype":"F32","shape":{shape},"data_offsets":[{from},{to}]}}}}"#);
        assert!(damaged(&stored(&header, &[0; 4])), "{header}");
    }
    for (shape, body) in [("(1000000000,)", 8), ("(2,)", 4), ("(1,)", 5), ("(0, 4)", 4)] {
        let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
        let length = (header.len() as u16).to_le_bytes();
        let file = [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), &vec![0; body]].concat();
        assert_eq!(npy::read_f64(&file).unwrap_err().code(), "npy_corrupt", "{shape}");
    }
    assert_eq!(from_torch(&checkpoint(&one_tensor(16, 0, 4, 4), 64)).unwrap()["t0"].dims(), [4, 4]);
    for (storage, offset, rows, columns) in [(16, 1, 4, 4), (200, 0, 14, 14), (15, 0, 4, 4), (255, 254, 1, 2)]
    {
        let error = from_torch(&checkpoint(&one_tensor(storage, offset, rows, columns), 64)).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Corrupt, "checkpoint"), "{error}");
    }
}

/// Every tensor reads its storage anew: a small file must not keep its reader busy for hours.
#[test]
fn a_storage_of_many_tensors_is_refused() {
    let dict = |tensors: usize| state_dict(&vec![pickled(1 << 18, 0, 1, 1); tensors]);
    assert_eq!(from_torch(&checkpoint(&dict(60), 1 << 20)).unwrap().len(), 60);
    let error = from_torch(&checkpoint(&dict(100), 1 << 20)).unwrap_err();
    assert!(error.to_string().contains("share a storage"), "{error}");
}

/// Pickles are programs to Python. Here they are data: what they would call is not called.
#[test]
fn pickles_call_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let marker = folder.path().join("marker");
    let command = format!("touch {}", marker.display());
    let length = (command.len() as u32).to_le_bytes();
    let call = [b"cposix\nsystem\nX", &length[..], command.as_bytes(), b"\x85R"].concat();
    for pickle in [
        [&b"\x80\x02"[..], &call, b"."].concat(),
        [b"\x80\x02}X\x03\x00\x00\x00net}X\x01\x00\x00\x00w", &call[..], b"ss."].concat(),
    ] {
        // Nothing of it is a tensor; an importer misses all of them.
        assert!(from_torch(&checkpoint(&pickle, 64)).map_or(true, |tensors| tensors.is_empty()));
        assert!(from_torch(&pickle).is_err(), "a bare pickle is no checkpoint, and is not tried as one");
    }
    let header = "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n";
    let array =
        [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), &call].concat();
    assert_eq!(npy::read_f64(&array).unwrap_err().code(), "npy_unsupported");
    assert!(!marker.exists());
}

/// A few bytes that stand for many.
#[test]
fn recordings_that_grow_are_refused() {
    let name = "a".repeat(4 << 20);
    let ends = "End Site\n{ OFFSET 0 0 0 }\n".repeat(1000);
    let named = ARM.replace("upper arm\n{", &format!("{name}\n{{\n{ends}"));
    assert_eq!(Bvh::parse(&named).unwrap_err().code(), "bvh_too_large");
    let height = |name: &str| match name {
        "left_hip" => -0.1,
        "left_knee" => -0.5,
        _ => -0.9,
    };
    let joints: String = duet::motion::skeleton::NAMES[1..]
        .iter()
        .map(|name| format!("JOINT {name}\n{{ OFFSET 0 {} 0 }}\n", height(name)))
        .collect();
    let slow = format!(
        "HIERARCHY\nROOT pelvis\n{{ OFFSET 0 0 0 CHANNELS 1 Xposition\n{joints}}}\nMOTION\nFrames: 3300\nFrame Time: 10\n{}",
        "0\n".repeat(3300)
    );
    let mapping = Mapping::builtin("duet").unwrap();
    let bvh = Bvh::parse(&slow).unwrap();
    assert_eq!(mapping.bind(&bvh).unwrap().frames(), 3299 * 300 + 1);
    let error = Parent::of_files(&[slow.into_bytes()]).unwrap_err();
    assert_eq!(error.code(), "clip_too_long");
}
