//! Making a package: everything is written into a hidden folder beside the target and renamed into place at the end, so that
//! a failure leaves nothing half-written.

use super::examples::Example;
use super::known::KnownPrompts;
use super::leftovers;
use super::manifest::{FORMAT, FileEntry, Files, Kind, MANIFEST, Manifest, NAME_RULE, Part, is_model_name};
use super::memory::Memory;
use super::open::Package;
use super::weights::{self, Precision, Tensors};
use crate::error::{Error, ErrorKind, Result};
use crate::models::config::{ClipTextConfig, InterMConfig, VqConfig};
use crate::motion::Stats;
use candle_core::{Device, Tensor};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// The model card, for people.
pub const CARD: &str = "README.md";

/// Name of the file that holds a part.
pub(super) fn file_name(part: Part) -> String {
    match part {
        Part::Statistics => "stats.safetensors".to_owned(),
        _ => format!("{part}.safetensors"),
    }
}

/// What a package says about itself, before its files exist. Fields as in [`Manifest`].
#[derive(Clone, Debug)]
pub struct Description {
    /// Name for people.
    pub title: String,
    /// What the model knows and does not know, one line.
    pub knows: String,
    /// Prompts to be offered.
    pub examples: Vec<Example>,
    /// Guidance where a request does not say.
    pub guidance: Option<f64>,
    /// Terms of the weights.
    pub licence: String,
    /// Where the weights come from.
    pub provenance: String,
    /// Frames a second.
    pub fps: u32,
    /// VQ-VAE dimensions.
    pub vq: VqConfig,
    /// Transformer dimensions.
    pub transformer: InterMConfig,
    /// Text tower dimensions.
    pub text: ClipTextConfig,
    /// The sentences it was taught.
    pub known: Option<KnownPrompts>,
    /// What it remembers.
    pub memory: Option<Memory>,
}

/// A package in the making.
#[derive(Debug)]
pub struct Writer {
    target: PathBuf,
    name: String,
    replace: bool,
    folder: tempfile::TempDir,
    files: Vec<(Part, FileEntry)>,
}

impl Writer {
    /// Begin package `name` in the folder `root`, which is made where it is missing. With `replace` an existing package of
    /// that name gives way when the new one is complete; without, the same package again is accepted and another refused.
    pub fn begin(root: &Path, name: &str, replace: bool) -> Result<Self> {
        if !is_model_name(name) {
            return Err(Error::invalid(
                "model_name",
                format!("{name:?} is not usable as a name: {NAME_RULE}"),
            ));
        }
        fs::create_dir_all(root).map_err(|e| Error::io("make", root, e))?;
        let target = root.join(name);
        if target.exists() && !target.join(MANIFEST).is_file() {
            return Err(Error::invalid(
                "not_a_package",
                format!("{} exists and is not a model package: choose another name", target.display()),
            ));
        }
        leftovers::remove(root, name);
        let folder = tempfile::Builder::new()
            .prefix(&leftovers::prefix(name))
            .rand_bytes(leftovers::RANDOM)
            .tempdir_in(root)
            .map_err(|e| Error::io("write in", root, e))?;
        Ok(Self { target, name: name.to_owned(), replace, folder, files: Vec::new() })
    }

    /// Write the weights of one part.
    pub fn part(&mut self, part: Part, tensors: &Tensors, precision: Precision) -> Result<()> {
        let path = file_name(part);
        let full = self.folder.path().join(&path);
        let file = File::create(&full).map_err(|e| Error::io("write", &full, e))?;
        let (sha256, bytes) = weights::write(&file, tensors, precision)?;
        file.sync_all().map_err(|e| Error::io("write", &full, e))?;
        self.files.retain(|(other, _)| *other != part);
        self.files.push((part, FileEntry { path, bytes, sha256 }));
        Ok(())
    }

    /// Write the statistics, always in full precision.
    pub fn statistics(&mut self, statistics: &Stats) -> Result<()> {
        let tensor = |values: &[f32]| Tensor::new(values, &Device::Cpu);
        let tensors = Tensors::from([
            ("mean".to_owned(), tensor(statistics.mean())?),
            ("std".to_owned(), tensor(statistics.std())?),
        ]);
        self.part(Part::Statistics, &tensors, Precision::Full)
    }

    /// Add a text file for people, such as the model card.
    pub fn text_file(&mut self, name: &str, text: &str) -> Result<()> {
        let path = self.folder.path().join(name);
        fs::write(&path, text).map_err(|e| Error::io("write", &path, e))
    }

    /// Write the manifest, check the whole as any reader would, and move it into place.
    pub fn finish(self, about: Description) -> Result<Package> {
        let entry = |part: Part| self.files.iter().find(|(p, _)| *p == part).map(|(_, entry)| entry.clone());
        let required = |part: Part| {
            entry(part).ok_or_else(|| {
                Error::internal("package_incomplete", format!("the {part} part was not written"))
            })
        };
        let manifest = Manifest {
            format: FORMAT,
            name: self.name.clone(),
            title: about.title,
            kind: Kind::InterMask,
            knows: about.knows,
            examples: about.examples,
            guidance: about.guidance,
            licence: about.licence,
            provenance: about.provenance,
            fps: about.fps,
            vq: about.vq,
            transformer: about.transformer,
            text: about.text,
            known: about.known,
            memory: about.memory,
            files: Files {
                vq: required(Part::Vq)?,
                transformer: required(Part::Transformer)?,
                text: required(Part::Text)?,
                statistics: entry(Part::Statistics),
                memory: entry(Part::Memory),
                reader: entry(Part::Reader),
            },
        };
        manifest.validate()?;
        let path = self.folder.path().join(MANIFEST);
        fs::write(&path, manifest.to_toml()?).map_err(|e| Error::io("write", &path, e))?;
        let made = Package::open(self.folder.path())?;
        self.move_into_place(made.manifest())
    }

    fn move_into_place(self, made: &Manifest) -> Result<Package> {
        let failed = |e| Error::io("write", &self.target, e);
        // Temporary folders are private; a package is as readable as any other folder its user makes.
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(self.folder.path(), fs::Permissions::from_mode(0o755)).map_err(failed)?;
        }
        if self.target.exists() {
            let existing = Package::open(&self.target).ok();
            let same = existing.as_ref().is_some_and(|p| p.manifest() == made);
            if same {
                return Package::open(&self.target);
            }
            if !self.replace {
                return Err(Error::new(
                    ErrorKind::Invalid,
                    "package_exists",
                    format!(
                        "another model is already called {}: choose another name or replace it",
                        self.name
                    ),
                ));
            }
            let parent = self.target.parent().unwrap_or(Path::new("."));
            let old = tempfile::Builder::new()
                .prefix(&format!(".{}-old-", self.name))
                .tempdir_in(parent)
                .map_err(failed)?;
            let aside = old.path().join("package");
            fs::rename(&self.target, &aside).map_err(failed)?;
            if let Err(e) = fs::rename(self.folder.path(), &self.target) {
                // Put the old one back; if even that fails its folder is kept, not deleted.
                if fs::rename(&aside, &self.target).is_err() {
                    let _ = old.keep();
                }
                return Err(failed(e));
            }
        } else {
            fs::rename(self.folder.path(), &self.target).map_err(failed)?;
        }
        // The folder has moved: there is nothing left to delete.
        let _ = self.folder.keep();
        Package::open(&self.target)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::package::bytes::in_bytes;
    use crate::package::expected;
    use crate::package::manifest::tests::small;

    /// Random-looking weights for `expected`.
    pub(crate) fn tensors(expected: &expected::Expected) -> Tensors {
        let make = |shape: &Vec<usize>| {
            let count: usize = shape.iter().product();
            let values: Vec<f32> = (0..count).map(|i| ((i * 37 % 101) as f32 - 50.0) * 0.003).collect();
            Tensor::from_vec(values, shape.as_slice(), &Device::Cpu).unwrap()
        };
        expected.required.iter().map(|(name, shape)| (name.clone(), make(shape))).collect()
    }

    pub(crate) fn description() -> Description {
        let m = small();
        Description {
            title: m.title,
            knows: m.knows,
            examples: m.examples,
            guidance: m.guidance,
            licence: m.licence,
            provenance: m.provenance,
            fps: m.fps,
            vq: m.vq,
            transformer: m.transformer,
            text: m.text,
            known: m.known,
            memory: m.memory,
        }
    }

    pub(crate) fn make(root: &Path, name: &str, replace: bool, about: Description) -> Result<Package> {
        let mut writer = Writer::begin(root, name, replace)?;
        writer.part(Part::Vq, &tensors(&expected::vq(&about.vq)), Precision::Half)?;
        writer.part(
            Part::Transformer,
            &tensors(&expected::transformer(&about.transformer)),
            Precision::Full,
        )?;
        writer.part(Part::Text, &tensors(&expected::text(&about.text)), Precision::Half)?;
        writer.statistics(&Stats::new(vec![0.25; 262], vec![2.0; 262])?)?;
        writer.finish(about)
    }

    fn entries(root: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(root).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_written_package_verifies_and_leaves_nothing_beside_it() {
        let root = tempfile::tempdir().unwrap();
        let package = make(root.path(), "small", false, description()).unwrap();
        assert_eq!(entries(root.path()), ["small"]);
        package.verify(|_, _| ()).unwrap();
        assert_eq!(package.statistics().unwrap().unwrap().std(), vec![2.0; 262]);
        assert_eq!(package.manifest().name, "small");
        // The same again is fine, another one is not, unless it may replace.
        make(root.path(), "small", false, description()).unwrap();
        let other = || Description { title: "Other".into(), ..description() };
        assert_eq!(make(root.path(), "small", false, other()).unwrap_err().code(), "package_exists");
        assert_eq!(Package::open(&root.path().join("small")).unwrap().manifest().title, "Small");
        assert_eq!(make(root.path(), "small", true, other()).unwrap().manifest().title, "Other");
        assert_eq!(entries(root.path()), ["small"]);
    }

    #[test]
    fn a_memory_goes_with_its_package_and_with_a_copy_of_it() {
        let root = tempfile::tempdir().unwrap();
        let mut about = description();
        let memory = Memory {
            share: 0.5,
            near: 0.5,
            scenes: 1,
            clips: 2,
            tokens: 5,
            sentences: 2,
            key: 4,
            letters: 7,
            reader: about.text.clone(),
        };
        about.memory = Some(memory.clone());
        let parts = |writer: &mut Writer| {
            writer.part(Part::Vq, &tensors(&expected::vq(&about.vq)), Precision::Half).unwrap();
            let transformer = tensors(&expected::transformer(&about.transformer));
            writer.part(Part::Transformer, &transformer, Precision::Full).unwrap();
            writer.part(Part::Text, &tensors(&expected::text(&about.text)), Precision::Half).unwrap();
            writer.statistics(&Stats::new(vec![0.25; 262], vec![2.0; 262]).unwrap()).unwrap();
        };
        // Named, but not written.
        let mut writer = Writer::begin(root.path(), "small", false).unwrap();
        parts(&mut writer);
        assert!(writer.finish(about.clone()).unwrap_err().to_string().contains("go together"));

        let mut writer = Writer::begin(root.path(), "small", false).unwrap();
        parts(&mut writer);
        let mut held = tensors(&expected::memory(&memory));
        held.insert(
            "ids".into(),
            Tensor::arange(0f32, 50.0, &Device::Cpu).unwrap().reshape((10, 5)).unwrap(),
        );
        writer.part(Part::Memory, &held, Precision::Whole).unwrap();
        let tower = in_bytes(tensors(&expected::text(&memory.reader))).unwrap();
        writer.part(Part::Reader, &tower, Precision::Whole).unwrap();
        let package = writer.finish(about.clone()).unwrap();
        package.verify(|_, _| ()).unwrap();
        assert_eq!(package.manifest().memory, Some(memory));

        let options = crate::package::import::ImportOptions::default();
        let copy = crate::package::import::import(
            &root.path().join("small"),
            root.path(),
            "copy",
            &options,
            &mut |_| (),
        );
        let copy = copy.unwrap().package;
        assert_eq!(copy.manifest().memory, package.manifest().memory);
        for part in [Part::Memory, Part::Reader] {
            let (ours, theirs) = (package.tensors(part).unwrap(), copy.tensors(part).unwrap());
            let values = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert!(ours.iter().all(|(name, tensor)| values(tensor) == values(&theirs[name])), "{part}");
            assert_eq!(ours.len(), theirs.len());
        }
        // Bytes stay bytes.
        assert_eq!(copy.manifest().files.memory, package.manifest().files.memory);
    }

    #[test]
    fn a_failure_leaves_nothing_behind() {
        let root = tempfile::tempdir().unwrap();
        let mut wrong = description();
        wrong.text.layers = 3;
        wrong.transformer.codes = 999;
        assert!(make(root.path(), "small", false, wrong).is_err());
        assert!(entries(root.path()).is_empty());
        fs::create_dir(root.path().join("mine")).unwrap();
        assert_eq!(make(root.path(), "mine", true, description()).unwrap_err().code(), "not_a_package");
        assert_eq!(make(root.path(), "../mine", true, description()).unwrap_err().code(), "model_name");
        assert_eq!(entries(root.path()), ["mine"]);
    }

    #[test]
    fn damage_is_found_and_named_without_a_path() {
        let root = tempfile::tempdir().unwrap();
        let package = make(root.path(), "small", false, description()).unwrap();
        let dir = root.path().join("small");
        let vq = dir.join("vq.safetensors");
        let good = fs::read(&vq).unwrap();

        // Bytes changed in place: the size is right, only the digest tells.
        let mut changed = good.clone();
        *changed.last_mut().unwrap() ^= 1;
        fs::write(&vq, &changed).unwrap();
        Package::open(&dir).unwrap();
        let error = package.verify(|_, _| ()).unwrap_err();
        assert_eq!(error.code(), "weights_digest");
        assert!(error.to_string().contains("vq.safetensors"));

        fs::write(&vq, &good[..good.len() / 2]).unwrap();
        let error = Package::open(&dir).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Corrupt, "weights_damaged"));

        fs::remove_file(&vq).unwrap();
        let error = Package::open(&dir).unwrap_err();
        assert_eq!(error.code(), "weights_missing");
        assert!(!error.to_string().contains(root.path().to_str().unwrap()), "{error}");

        // A file that is sound in itself but of another model.
        fs::copy(dir.join("text.safetensors"), &vq).unwrap();
        let manifest = fs::read_to_string(dir.join(MANIFEST)).unwrap();
        let (vq_bytes, text_bytes) = (good.len(), fs::metadata(&vq).unwrap().len());
        fs::write(
            dir.join(MANIFEST),
            manifest.replacen(&format!("bytes = {vq_bytes}"), &format!("bytes = {text_bytes}"), 1),
        )
        .unwrap();
        let error = Package::open(&dir).unwrap_err().to_string();
        assert!(error.contains("vq.safetensors") && error.contains("lacks"), "{error}");

        fs::remove_file(dir.join(MANIFEST)).unwrap();
        assert_eq!(Package::open(&dir).unwrap_err().code(), "package_not_found");
    }
}
