//! `model.toml`: what a package says about itself. Parsed strictly and validated before anything believes it.

use super::digest::is_sha256;
use super::dimensions;
use super::examples::{self, Example};
use super::known::KnownPrompts;
use super::memory::Memory;
use crate::error::{Error, ErrorKind, Result};
use crate::models::config::{ClipTextConfig, InterMConfig, MotionLayout, VqConfig};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The format this program writes and reads.
pub const FORMAT: u32 = 1;
/// Name of the manifest inside a package folder.
pub const MANIFEST: &str = "model.toml";
/// Longest manifest that is read, bytes.
pub const MAX_MANIFEST_BYTES: u64 = 64 << 10;

/// Family of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// VQ-VAE, Inter-M transformer and CLIP text tower.
    InterMask,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InterMask => "intermask",
        })
    }
}

/// The files of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// VQ-VAE weights, names as InterMask spec §6.
    Vq,
    /// Inter-M transformer with its trained text head (`clipTrans`, `clipln`), names as InterMask spec §6.
    Transformer,
    /// CLIP text tower, OpenAI's names (`transformer.resblocks.N…`).
    Text,
    /// `mean` and `std` of the motion features, (262,) each.
    Statistics,
    /// Remembered clips and the sentences that tell of them ([`expected::memory`](super::expected::memory)).
    Memory,
    /// Text tower that reads prompts for the memory, names as [`Part::Text`].
    Reader,
}

impl Part {
    /// All parts, in the order they are stored.
    pub const ALL: [Self; 6] =
        [Self::Vq, Self::Transformer, Self::Text, Self::Statistics, Self::Memory, Self::Reader];

    /// The word used in `model.toml` and in messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Vq => "vq",
            Self::Transformer => "transformer",
            Self::Text => "text",
            Self::Statistics => "statistics",
            Self::Memory => "memory",
            Self::Reader => "reader",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// One file of a package, with its fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Plain file name inside the package folder.
    pub path: String,
    /// Exact size.
    pub bytes: u64,
    /// SHA-256, lower-case hexadecimal.
    pub sha256: String,
}

/// The files of a package by role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// See [`Part::Vq`].
    pub vq: FileEntry,
    /// See [`Part::Transformer`].
    pub transformer: FileEntry,
    /// See [`Part::Text`].
    pub text: FileEntry,
    /// See [`Part::Statistics`]; absent for the Inter-X layout, which is not normalised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statistics: Option<FileEntry>,
    /// See [`Part::Memory`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<FileEntry>,
    /// See [`Part::Reader`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader: Option<FileEntry>,
}

impl Files {
    /// The entry of `part`, if the package has one.
    pub fn get(&self, part: Part) -> Option<&FileEntry> {
        match part {
            Part::Vq => Some(&self.vq),
            Part::Transformer => Some(&self.transformer),
            Part::Text => Some(&self.text),
            Part::Statistics => self.statistics.as_ref(),
            Part::Memory => self.memory.as_ref(),
            Part::Reader => self.reader.as_ref(),
        }
    }

    /// All entries that are there, with their part.
    pub fn iter(&self) -> impl Iterator<Item = (Part, &FileEntry)> {
        Part::ALL.into_iter().filter_map(|part| Some((part, self.get(part)?)))
    }
}

/// The content of `model.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this format, [`FORMAT`].
    pub format: u32,
    /// Short name, see [`is_model_name`].
    pub name: String,
    /// Name for people.
    pub title: String,
    /// Family.
    pub kind: Kind,
    /// What the model knows and does not know, one line.
    pub knows: String,
    /// Prompts that it answers well, to be offered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<Example>,
    /// How closely to follow the sentence where a request does not say, 0 to 10; the usual 2 where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guidance: Option<f64>,
    /// Terms of the weights.
    pub licence: String,
    /// Where the weights come from: training data, source files, acknowledgements.
    pub provenance: String,
    /// Frames a second of the motion it makes.
    pub fps: u32,
    /// VQ-VAE dimensions.
    pub vq: VqConfig,
    /// Transformer dimensions.
    pub transformer: InterMConfig,
    /// Text tower dimensions.
    pub text: ClipTextConfig,
    /// The sentences it was taught, if it tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<KnownPrompts>,
    /// What it remembers, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    /// Files with size and digest.
    pub files: Files,
}

impl Manifest {
    /// Parse and validate. The error names the field and, for syntax, the line.
    pub fn parse(text: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        // The version first: a newer format may well have fields that this program does not know.
        let version: Version = toml::from_str(text).map_err(unreadable)?;
        if version.format != FORMAT {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "package_format",
                format!(
                    "{MANIFEST} has format {}; this program reads format {FORMAT}: use the program version that \
                     made the package, or import the model again",
                    version.format
                ),
            ));
        }
        let manifest: Self = toml::from_str(text).map_err(unreadable)?;
        manifest.validate()?;
        Ok(manifest)
    }

    /// The text of `model.toml`.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self)
            .map_err(|e| Error::internal("package_manifest", "cannot write the manifest").with_source(e))
    }

    /// Check every field against its range and against the others.
    pub fn validate(&self) -> Result<()> {
        if !is_model_name(&self.name) {
            return Err(bad(format!("name {:?} is not usable: {NAME_RULE}", shorten(&self.name))));
        }
        for (field, value, longest) in [
            ("title", &self.title, 200),
            ("knows", &self.knows, 1000),
            ("licence", &self.licence, 1000),
            ("provenance", &self.provenance, 8000),
        ] {
            if value.trim().is_empty() || value.chars().count() > longest {
                return Err(bad(format!("{field} must have 1 to {longest} characters")));
            }
            if value.chars().any(|c| c.is_control() && c != '\n') {
                return Err(bad(format!("{field} holds control characters")));
            }
        }
        examples::check(&self.examples).map_err(bad)?;
        self.known.as_ref().map_or(Ok(()), KnownPrompts::check).map_err(bad)?;
        if self.guidance.is_some_and(|guidance| !(0.0..=10.0).contains(&guidance)) {
            return Err(bad("guidance must lie in 0 to 10"));
        }
        self.memory.as_ref().map_or(Ok(()), Memory::check)?;
        dimensions::range("fps", self.fps as usize, 1, 240)?;
        self.validate_dimensions()?;
        self.validate_files()
    }

    fn validate_dimensions(&self) -> Result<()> {
        let (vq, transformer, text) = (&self.vq, &self.transformer, &self.text);
        dimensions::validate_vq(vq)?;
        dimensions::validate_transformer(transformer)?;
        dimensions::validate_text(text)?;
        if transformer.codes != vq.codes {
            return Err(bad(format!(
                "transformer.codes is {} but vq.codes is {}: the two were not trained together",
                transformer.codes, vq.codes
            )));
        }
        if transformer.text_dim != text.width {
            return Err(bad(format!(
                "transformer.text_dim is {} but text.width is {}: the text tower does not fit this transformer",
                transformer.text_dim, text.width
            )));
        }
        Ok(())
    }

    fn validate_files(&self) -> Result<()> {
        let mut seen = Vec::new();
        for (part, entry) in self.files.iter() {
            if !is_plain_file_name(&entry.path) || !entry.path.ends_with(".safetensors") {
                return Err(bad(format!(
                    "files.{part}.path {:?} must be a plain name that ends in .safetensors, without folders",
                    shorten(&entry.path)
                )));
            }
            if seen.contains(&&entry.path) {
                return Err(bad(format!("files.{part}.path {:?} is used twice", entry.path)));
            }
            seen.push(&entry.path);
            if !is_sha256(&entry.sha256) {
                return Err(bad(format!("files.{part}.sha256 must be 64 lower-case hexadecimal digits")));
            }
            if !(8..=MAX_FILE_BYTES).contains(&entry.bytes) {
                return Err(bad(format!("files.{part}.bytes {} is out of range", entry.bytes)));
            }
        }
        let (memory, files) = (self.memory.is_some(), [&self.files.memory, &self.files.reader]);
        if files.iter().any(|file| file.is_some() != memory) {
            return Err(bad("memory, files.memory and files.reader go together: all of them or none"));
        }
        match (self.vq.layout, &self.files.statistics) {
            (MotionLayout::InterHuman, None) => Err(bad(
                "files.statistics is missing: the interhuman layout needs the mean and std of its features",
            )),
            (MotionLayout::InterX, Some(_)) => {
                Err(bad("files.statistics is not used by the interx layout: remove it"))
            }
            _ => Ok(()),
        }
    }
}

/// Largest file a package may have, bytes.
pub const MAX_FILE_BYTES: u64 = 64 << 30;

/// What [`is_model_name`] asks for, in words.
pub const NAME_RULE: &str =
    "use 1 to 64 of a-z, 0-9, dot, dash and underscore, beginning with a letter or a digit";

/// True for names that are safe as a folder name and in a URL.
pub fn is_model_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (1..=64).contains(&name.len())
        && name.bytes().next().is_some_and(plain)
        && name.bytes().all(|b| plain(b) || matches!(b, b'.' | b'-' | b'_'))
}

fn is_plain_file_name(name: &str) -> bool {
    (1..=100).contains(&name.len())
        && !name.starts_with(['.', '-'])
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

fn shorten(text: &str) -> String {
    text.chars().take(80).collect()
}

pub(super) fn bad(message: impl fmt::Display) -> Error {
    Error::corrupt("package_manifest", format!("{MANIFEST}: {message}"))
}

fn unreadable(source: toml::de::Error) -> Error {
    // toml's own text shows the line and points at the field.
    let text: String = source.to_string().trim_end().chars().take(600).collect();
    bad(text).with_source(source)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::models::config::{Activation, Places, TextHeadConfig, WordAttention};

    pub(crate) fn small() -> Manifest {
        let entry = |name: &str| FileEntry {
            path: format!("{name}.safetensors"),
            bytes: 1000,
            sha256: "0".repeat(64),
        };
        Manifest {
            format: FORMAT,
            name: "small".into(),
            title: "Small".into(),
            kind: Kind::InterMask,
            knows: "Nothing: random weights.".into(),
            examples: vec![Example { family: "Greet".into(), prompt: "they wave".into(), seconds: 3.0 }],
            guidance: None,
            licence: "MIT".into(),
            provenance: "Made for a test.".into(),
            fps: 30,
            vq: VqConfig {
                layout: MotionLayout::InterHuman,
                width: 8,
                code_dim: 8,
                codes: 16,
                depth: 2,
                dilation_growth: 3,
                places: Places::World,
                activation: Activation::Relu,
            },
            transformer: InterMConfig {
                codes: 16,
                code_dim: 8,
                latent_dim: 12,
                heads: 2,
                layers: 1,
                ff: 16,
                text_dim: 8,
                person_embedding: false,
                single_residual: false,
                word_attention: WordAttention::Off,
                text_head: TextHeadConfig { layers: 1, heads: 2, ff: 16 },
            },
            text: ClipTextConfig { width: 8, heads: 2, layers: 1, vocab: 64, context: 77 },
            known: None,
            memory: None,
            files: Files {
                vq: entry("vq"),
                transformer: entry("transformer"),
                text: entry("text"),
                statistics: Some(entry("stats")),
                memory: None,
                reader: None,
            },
        }
    }

    fn refused(change: impl FnOnce(&mut Manifest)) -> String {
        let mut manifest = small();
        change(&mut manifest);
        let error = Manifest::parse(&manifest.to_toml().unwrap()).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported), "{error}");
        error.to_string()
    }

    #[test]
    fn survives_a_round_trip() {
        let manifest = small();
        assert_eq!(Manifest::parse(&manifest.to_toml().unwrap()).unwrap(), manifest);
    }

    #[test]
    fn every_lie_is_named() {
        assert!(refused(|m| m.format = 2).contains("format 2"));
        assert!(refused(|m| m.name = "../x".into()).contains("name"));
        assert!(refused(|m| m.knows = " ".into()).contains("knows"));
        assert!(refused(|m| m.guidance = Some(10.5)).contains("guidance"));
        assert!(refused(|m| m.guidance = Some(f64::NAN)).contains("guidance"));
        assert!(refused(|m| m.examples[0].prompt = "wave\u{7}".into()).contains("examples"));
        assert!(refused(|m| m.title = "a\u{7}".into()).contains("title"));
        assert!(refused(|m| m.fps = 0).contains("fps"));
        assert!(refused(|m| m.vq.width = usize::MAX >> 2).contains("vq.width"));
        assert!(refused(|m| m.vq.codes = 17).contains("trained together"));
        assert!(refused(|m| m.transformer.heads = 5).contains("transformer.heads"));
        assert!(refused(|m| m.transformer.heads = 0).contains("transformer.heads"));
        assert!(refused(|m| m.text.width = 16).contains("text tower"));
        assert!(refused(|m| m.files.vq.path = "../vq.safetensors".into()).contains("files.vq.path"));
        assert!(refused(|m| m.files.vq.path = "/etc/passwd".into()).contains("files.vq.path"));
        assert!(refused(|m| m.files.text.path = "vq.safetensors".into()).contains("twice"));
        assert!(refused(|m| m.files.vq.sha256 = "abc".into()).contains("sha256"));
        assert!(refused(|m| m.files.vq.bytes = u64::MAX >> 1).contains("bytes"));
        assert!(refused(|m| m.files.statistics = None).contains("statistics"));
        assert!(refused(|m| m.vq.layout = MotionLayout::InterX).contains("statistics"));
        let memory = |m: &Manifest| Memory {
            share: 0.5,
            near: 0.5,
            scenes: 2,
            clips: 3,
            tokens: 9,
            sentences: 4,
            key: 8,
            letters: 40,
            reader: m.text.clone(),
        };
        assert!(refused(|m| m.memory = Some(memory(m))).contains("go together"));
        for change in [
            |m: &mut Memory| m.share = 1.5,
            |m: &mut Memory| m.near = f64::NAN,
            |m: &mut Memory| m.scenes = 4,
            |m: &mut Memory| m.tokens = 2,
            |m: &mut Memory| m.sentences = 1,
            |m: &mut Memory| m.letters = 3,
            |m: &mut Memory| m.key = 9,
            |m: &mut Memory| m.clips = usize::MAX >> 1,
        ] {
            let wrong = refused(|m| {
                let mut memory = memory(m);
                change(&mut memory);
                m.memory = Some(memory);
            });
            assert!(wrong.contains("memory."), "{wrong}");
        }
    }

    #[test]
    fn unknown_and_missing_fields_are_refused_by_name() {
        let text = small().to_toml().unwrap();
        let error = Manifest::parse(&format!("surprise = 1\n{text}")).unwrap_err();
        assert!(error.to_string().contains("surprise"), "{error}");
        let error = Manifest::parse(&text.replace("licence", "license")).unwrap_err();
        assert!(error.to_string().contains("license"), "{error}");
        assert!(Manifest::parse("").is_err());
        assert!(Manifest::parse("format = [").is_err());
    }

    #[test]
    fn model_names_are_safe_folder_names() {
        for good in ["duet-mini", "a", "v1.2_x", "0"] {
            assert!(is_model_name(good), "{good}");
        }
        let long = "a".repeat(65);
        for bad in ["", ".", "..", "-a", "A", "a/b", "a\\b", "a b", "é", "a\0", &long] {
            assert!(!is_model_name(bad), "{bad}");
        }
    }
}
