//! Model packages through the public API: the two layouts that can be imported, and what happens to files that lie.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has to stop")]

use candle_core::{Device, Tensor};
use duet::package::import::options::parse_options;
use duet::package::import::{ImportOptions, Imported, import};
use duet::package::{Package, Part};
use duet::{ErrorKind, Result};
use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/parity").join(name)
}

/// The small towers of the fixtures have heads of 16, which nothing in the files says.
fn small_heads() -> ImportOptions {
    ImportOptions { text_heads: Some(4), text_head_heads: Some(4), ..Default::default() }
}

fn run(source: &Path, root: &Path, options: &ImportOptions) -> Result<Imported> {
    import(source, root, "small", options, &mut |_| ())
}

fn official() -> ImportOptions {
    ImportOptions { clip: Some(fixture("official_layout/clip/clip_small.safetensors")), ..small_heads() }
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target)
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn nothing_in(root: &Path) -> bool {
    fs::read_dir(root).unwrap().next().is_none()
}

#[test]
fn options_are_typed_as_upstream_types_them() {
    for (layout, vq, transformer) in [
        ("hub_layout", "vq_opt.txt", "transformer_opt.txt"),
        (
            "official_layout",
            "checkpoints/interhuman/vq_default/opt.txt",
            "checkpoints/interhuman/trans_default/opt.txt",
        ),
    ] {
        let folder = fixture(layout);
        let read = |name: &str| parse_options(&fs::read_to_string(folder.join(name)).unwrap()).unwrap();
        let found = serde_json::json!({ "vq": read(vq), "transformer": read(transformer) });
        let text = fs::read_to_string(folder.join("expected/options.json")).unwrap();
        assert_eq!(found, serde_json::from_str::<serde_json::Value>(&text).unwrap());
    }
}

#[test]
fn both_layouts_give_the_same_model() {
    let root = tempfile::tempdir().unwrap();
    let hub = run(&fixture("hub_layout"), &root.path().join("hub"), &small_heads()).unwrap();
    let official = run(&fixture("official_layout"), &root.path().join("official"), &official()).unwrap();
    assert!(hub.unknown.is_empty() && official.unknown.is_empty());
    let (a, b) = (hub.package.manifest(), official.package.manifest());
    assert_eq!((&a.vq, &a.transformer, &a.text), (&b.vq, &b.transformer, &b.text));
    assert_eq!((a.vq.codes, a.transformer.heads, a.transformer.text_head.ff, a.text.layers), (64, 4, 96, 3));
    // Down to the bytes: the same numbers are stored the same way.
    assert_eq!(a.files, b.files);
    for (part, _) in a.files.iter() {
        let (a, b) = (hub.package.tensors(part).unwrap(), official.package.tensors(part).unwrap());
        assert_eq!(a.len(), b.len());
        for (name, tensor) in &a {
            assert_eq!(tensor.dims(), b[name].dims(), "{name}");
            assert_eq!(values(tensor), values(&b[name]), "{name}");
        }
    }
    // And both are what the source says, number by number, whatever precision they are stored in.
    let source =
        candle_core::safetensors::load(fixture("hub_layout/transformer.safetensors"), &Device::Cpu).unwrap();
    let (trained, text) =
        (hub.package.tensors(Part::Transformer).unwrap(), hub.package.tensors(Part::Text).unwrap());
    assert_eq!(trained.len() + text.len(), source.len());
    for (name, tensor) in &source {
        let ours = match name.strip_prefix("clip_") {
            Some(name) => &text[name],
            None => &trained[name],
        };
        assert_eq!(values(ours), values(tensor), "{name}");
    }
    let statistics = hub.package.statistics().unwrap().unwrap();
    let npy = fs::read(fixture("hub_layout/stats/global_std.npy")).unwrap();
    let std: Vec<f32> = npyz::NpyFile::new(&npy[..]).unwrap().into_vec().unwrap();
    assert_eq!(statistics.std(), std);
    hub.package.verify(|_, _| ()).unwrap();
}

#[test]
fn an_imported_package_can_be_installed_elsewhere() {
    let root = tempfile::tempdir().unwrap();
    let first = run(&fixture("hub_layout"), &root.path().join("a"), &small_heads()).unwrap().package;
    let again = run(first.dir().unwrap(), &root.path().join("b"), &ImportOptions::default()).unwrap().package;
    assert_eq!(again.manifest(), first.manifest());
}

#[test]
fn a_package_comes_with_its_card_and_without_flags_of_other_layouts() {
    let root = tempfile::tempdir().unwrap();
    let first = run(&fixture("hub_layout"), &root.path().join("a"), &small_heads()).unwrap().package;
    let (source, target) = (first.dir().unwrap(), root.path().join("b"));
    fs::write(source.join("README.md"), "# A small one\n").unwrap();
    let nowhere = || Some(PathBuf::from("no/such/place"));
    let none = ImportOptions::default;
    for (flag, options) in [
        ("--clip", ImportOptions { clip: nowhere(), ..none() }),
        ("--text-heads", ImportOptions { text_heads: Some(77), ..none() }),
        ("--text-head-heads", ImportOptions { text_head_heads: Some(4), ..none() }),
        ("--stats", ImportOptions { statistics: nowhere(), ..none() }),
        ("--checkpoint", ImportOptions { checkpoint: Some("latest".into()), ..none() }),
    ] {
        let error = run(source, &target, &options).unwrap_err();
        assert!(error.code() == "import_options" && error.to_string().contains(flag), "{error}");
        assert!(!target.exists());
    }
    let again = run(source, &target, &none()).unwrap().package;
    assert_eq!(fs::read_to_string(again.dir().unwrap().join("README.md")).unwrap(), "# A small one\n");
    fs::write(source.join("README.md"), [0xff; 9]).unwrap();
    assert_eq!(run(source, &root.path().join("c"), &none()).unwrap_err().code(), "package_card");
    assert!(nothing_in(&root.path().join("c")));

    let latest = ImportOptions { checkpoint: Some("latest".into()), ..small_heads() };
    assert_eq!(run(&fixture("hub_layout"), &target, &latest).unwrap_err().code(), "import_options");
}

#[test]
fn statistics_that_would_keep_the_parser_busy_are_refused_at_once() {
    let (source, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    copy_folder(&fixture("hub_layout"), source.path());
    // The parser tries each bracket in several ways: 20 took seconds, 28 longer than anybody waits.
    let nested = format!("{}{}", "[".repeat(23), "]".repeat(23));
    let header = format!("{{'descr': {nested}, 'fortran_order': False, 'shape': (262,), }}\n");
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    fs::write(source.path().join("stats/global_mean.npy"), file).unwrap();
    let began = std::time::Instant::now();
    let error = run(source.path(), target.path(), &small_heads()).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Corrupt, "statistics"));
    assert!(began.elapsed() < std::time::Duration::from_secs(10), "{:?}", began.elapsed());
    assert!(nothing_in(target.path()));
}

#[test]
fn the_official_folder_is_found_from_several_places() {
    let root = tempfile::tempdir().unwrap();
    let base = fixture("official_layout");
    for (i, source) in [base.join("checkpoints"), base.join("checkpoints/interhuman")].iter().enumerate() {
        run(source, &root.path().join(i.to_string()), &official()).unwrap();
    }
    // Without the rest of the repository the statistics must be pointed at.
    let alone = tempfile::tempdir().unwrap();
    copy_folder(&base.join("checkpoints/interhuman"), alone.path());
    let error = run(alone.path(), &root.path().join("x"), &official()).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::NotFound, "no_statistics"));
    let pointed = ImportOptions { statistics: Some(base.join("data/stats")), ..official() };
    run(alone.path(), &root.path().join("x"), &pointed).unwrap();
}

#[test]
fn what_is_missing_is_said_and_nothing_is_left() {
    let root = tempfile::tempdir().unwrap();
    let target = root.path().join("models");
    fs::create_dir(&target).unwrap();
    let fails = |source: &Path, options: &ImportOptions| {
        let error = run(source, &target, options).unwrap_err();
        assert!(nothing_in(&target), "{error}");
        (error.kind(), error.code(), error.to_string())
    };

    // No text tower in the official layout: the error says where to get one.
    let (kind, code, text) = fails(&fixture("official_layout"), &small_heads());
    assert_eq!((kind, code), (ErrorKind::Unsupported, "no_text_tower"));
    assert!(text.contains("--clip") && text.contains("openai/clip-vit-large-patch14-336"));

    // Head counts that do not fit.
    let (_, _, text) = fails(&fixture("hub_layout"), &ImportOptions { text_heads: Some(5), ..small_heads() });
    assert!(text.contains("text.heads"), "{text}");

    let empty = tempfile::tempdir().unwrap();
    assert_eq!(fails(empty.path(), &small_heads()).1, "source_unknown");
    assert_eq!(fails(&empty.path().join("nowhere"), &small_heads()).1, "source_not_found");
    let absent = ImportOptions { clip: Some(empty.path().join("absent.safetensors")), ..small_heads() };
    assert_eq!(fails(&fixture("hub_layout"), &absent).1, "file_not_found");

    // A tensor that is missing, one of another shape, one too many.
    let hub = tempfile::tempdir().unwrap();
    copy_folder(&fixture("hub_layout"), hub.path());
    let weights = hub.path().join("vq_model.safetensors");
    let good: HashMap<String, Tensor> = candle_core::safetensors::load(&weights, &Device::Cpu).unwrap();
    let save = |change: &dyn Fn(&mut HashMap<String, Tensor>)| {
        let mut tensors = good.clone();
        change(&mut tensors);
        candle_core::safetensors::save(&tensors, &weights).unwrap();
    };
    save(&|t| drop(t.remove("decoder.model.4.bias")));
    assert!(fails(hub.path(), &small_heads()).2.contains("lacks tensor decoder.model.4.bias"));
    save(&|t| {
        drop(t.insert(
            "decoder.model.4.bias".into(),
            Tensor::zeros(33, candle_core::DType::F32, &Device::Cpu).unwrap(),
        ))
    });
    let text = fails(hub.path(), &small_heads()).2;
    assert!(
        text.contains("decoder.model.4.bias") && text.contains("[33]") && text.contains("[32]"),
        "{text}"
    );
    save(&|t| {
        drop(t.insert("extra".into(), Tensor::zeros(2, candle_core::DType::F32, &Device::Cpu).unwrap()))
    });
    assert_eq!(run(hub.path(), &root.path().join("other"), &small_heads()).unwrap().unknown, ["extra"]);
    save(&|t| drop(t.insert("encoder.model.2.bias".into(), (&t["encoder.model.2.bias"] / 0.0).unwrap())));
    assert!(fails(hub.path(), &small_heads()).2.contains("not finite"));

    // Truncated weights, options that lie, statistics of another size.
    let whole = fs::read(fixture("hub_layout/vq_model.safetensors")).unwrap();
    fs::write(&weights, &whole[..whole.len() - 5]).unwrap();
    assert_eq!(fails(hub.path(), &small_heads()).1, "weights_damaged");
    fs::write(&weights, &whole).unwrap();
    let options = hub.path().join("vq_opt.txt");
    let text = fs::read_to_string(&options).unwrap();
    for (from, to, code) in [
        ("\nwidth: 32", "\nwidth: 999999999999", "package_manifest"),
        ("\nwidth: 32", "\nwidth: 48", "weights_damaged"),
        ("\nwidth: 32", "\nwidth: wide", "options"),
        ("\nwidth: 32", "\nbreadth: 32", "options"),
        ("vq_norm: None", "vq_norm: LN", "options_unsupported"),
        ("num_quantizers: 1", "num_quantizers: 6", "options_unsupported"),
    ] {
        fs::write(&options, text.replace(from, to)).unwrap();
        assert_eq!(fails(hub.path(), &small_heads()).1, code, "{to}");
    }
    fs::write(&options, text).unwrap();
    fs::write(hub.path().join("stats/global_std.npy"), b"\x93NUMPY\x02\x00\xff\xff\xff\xff").unwrap();
    assert_eq!(fails(hub.path(), &small_heads()).1, "statistics");
    fs::write(hub.path().join("intermask_config.json"), r#"{"model_type": "momask"}"#).unwrap();
    assert_eq!(fails(hub.path(), &small_heads()).1, "source_config");
}

/// A copy of the official fixture whose VQ checkpoint is `tar`, imported.
fn with_checkpoint(tar: &[u8]) -> duet::Error {
    let source = tempfile::tempdir().unwrap();
    copy_folder(&fixture("official_layout"), source.path());
    fs::write(source.path().join("checkpoints/interhuman/vq_default/model/best_fid.tar"), tar).unwrap();
    let target = tempfile::tempdir().unwrap();
    let error = run(source.path(), target.path(), &official()).unwrap_err();
    assert!(nothing_in(target.path()));
    error
}

fn zipped(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, data) in entries {
        zip.start_file(*name, stored).unwrap();
        zip.write_all(data).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn hostile_checkpoints_are_refused() {
    let good =
        fs::read(fixture("official_layout/checkpoints/interhuman/vq_default/model/best_fid.tar")).unwrap();
    let expect = |tar: &[u8], codes: &[&str], words: &str| {
        let error = with_checkpoint(tar);
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert!(codes.contains(&error.code()), "{} {error}", error.code());
        assert!(error.to_string().contains(words), "{error}");
    };
    expect(b"", &["checkpoint"], "not a torch.save zip");
    expect(b"ustar", &["checkpoint"], "not a torch.save zip");
    expect(&good[..good.len() / 2], &["checkpoint"], "cut short");
    expect(&zipped(&[("a/b.txt", b"x")]), &["checkpoint"], "no data.pkl");
    expect(
        &zipped(&[("a/data.pkl", b"cposix\nsystem\nX\x04\x00\x00\x00true\x85R.")]),
        &["checkpoint"],
        "vq_model",
    );
    expect(&zipped(&[("a/data.pkl", b"X\xff\xff\xff\xff")]), &["pickle"], "cut short");
    expect(&zipped(&[("a/data.pkl", &vec![b'N'; 17 << 20])]), &["checkpoint"], "at most");
    expect(&zipped(&[("a/data.pkl", b"}."), ("a/byteorder", b"big")]), &["checkpoint"], "big-endian");

    // A flipped byte inside a weight is found by the archive's checksum.
    let mut flipped = good.clone();
    let name = b"best_fid/data/10";
    let entry = good.windows(name.len()).position(|w| w == name).unwrap();
    flipped[entry + 1000] ^= 0x40;
    expect(&flipped, &["checkpoint"], "data/10\" is damaged");

    // One tensor of a petabyte, one outside its storage, one without its storage, one that is transposed.
    let tensor = |numbers: &[u8], offset: &[u8], size: &[u8], stride: &[u8]| {
        let mut p =
            b"\x80\x02}X\x08\x00\x00\x00vq_model}X\x01\x00\x00\x00xctorch._utils\n_rebuild_tensor_v2\n"
                .to_vec();
        p.extend(b"((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu");
        for part in [numbers, b"tQ", offset, size, stride, b"\x89}tRss."] {
            p.extend(part);
        }
        zipped(&[("a/data.pkl", &p), ("a/data/0", &[0; 16])])
    };
    expect(
        &tensor(
            b"\x8a\x07\x00\x00\x00\x00\x00\x00\x01",
            b"K\x00",
            b"\x8a\x07\x00\x00\x00\x00\x00\x00\x01\x85",
            b"K\x01\x85",
        ),
        &["checkpoint"],
        "more numbers",
    );
    expect(&tensor(b"K\x04", b"K\x02", b"K\x03\x85", b"K\x01\x85"), &["checkpoint"], "beyond its storage");
    expect(
        &tensor(b"K\x04", b"J\xff\xff\xff\xff", b"K\x03\x85", b"K\x01\x85"),
        &["checkpoint"],
        "unknown way",
    );
    expect(&tensor(b"K\x04", b"K\x00", b"K\x02K\x02\x86", b"K\x01K\x02\x86"), &["checkpoint"], "transposed");
    expect(&tensor(b"K\x02", b"K\x00", b"K\x02\x85", b"K\x01\x85"), &["checkpoint"], "at most 8");
    // Sound, but not this model.
    expect(&tensor(b"K\x04", b"K\x00", b"K\x04\x85", b"K\x01\x85"), &["weights_damaged"], "lacks");
}

/// Entries must be stored as they are: a compressed one is how a small file becomes a large one.
#[test]
fn compressed_entries_are_refused() {
    let mut tar = zipped(&[("a/data.pkl", b"}."), ("a/data/0", b"xxxx")]);
    // Method 8 (deflate) in the local and central headers of the pickle.
    let local = tar.windows(4).position(|w| w == b"PK\x03\x04").unwrap();
    tar[local + 8] = 8;
    let central = tar.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    tar[central + 10] = 8;
    let error = with_checkpoint(&tar);
    assert_eq!((error.kind(), error.code()), (ErrorKind::Corrupt, "checkpoint"));
    // Sizes that lie: four gigabytes promised.
    let mut lying = zipped(&[("a/data.pkl", b"}."), ("a/data/0", b"xxxx")]);
    let central = lying.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    lying[central + 20..central + 28].copy_from_slice(&[0xfe, 0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff]);
    assert_eq!(with_checkpoint(&lying).kind(), ErrorKind::Corrupt);
}

#[test]
fn a_package_that_lies_does_not_open() {
    let root = tempfile::tempdir().unwrap();
    let package = run(&fixture("hub_layout"), root.path(), &small_heads()).unwrap().package;
    let dir = package.dir().unwrap();
    let manifest = dir.join("model.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    for (from, to) in [
        ("codes = 64", "codes = 65"),
        ("width = 32", "width = 31"),
        ("layers = 2", "layers = 3"),
        ("vq.safetensors", "text.safetensors"),
        ("vq.safetensors", "../small/vq.safetensors"),
        ("format = 1", "format = 1\nmystery = true"),
        ("format = 1", "format = 1000"),
        ("fps = 30", "fps = -1"),
        ("fps = 30", "fps = nan"),
    ] {
        let changed = text.replace(from, to);
        assert_ne!(changed, text, "{from}");
        fs::write(&manifest, changed).unwrap();
        let error = Package::open(dir).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported), "{to}: {error}");
        assert!(!error.to_string().contains(root.path().to_str().unwrap()), "{error}");
    }
    // Weights of any kind have the same shapes, but a turn of these statistics is no turn.
    let layout = "layout = \"interhuman\"\n";
    assert!(text.contains(layout));
    fs::write(&manifest, text.replace(layout, &format!("{layout}places = \"body\"\n"))).unwrap();
    assert_eq!(Package::open(dir).unwrap().statistics().unwrap_err().code(), "statistics");
    fs::write(&manifest, vec![b'#'; 1 << 20]).unwrap();
    assert_eq!(Package::open(dir).unwrap_err().code(), "package_manifest");
    fs::write(&manifest, [0xff, 0xfe]).unwrap();
    assert_eq!(Package::open(dir).unwrap_err().code(), "package_manifest");
}
