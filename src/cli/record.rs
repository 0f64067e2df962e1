//! `settings.json` beside a result: how it was made, so that it can be made again, edited, and told from any other.

use super::put::Named;
use crate::engine::answer::Settings;
use crate::engine::{Engine, Finished, ResultFile};
use crate::error::{Error, Result};
use crate::formats::Format;
use crate::generate::{GenerateRequest, Tokens};
use crate::nn::precision::{self, Precision};
use crate::package::digest::HashingWriter;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::io::Write;
use std::path::Path;

/// The file that describes the others.
pub const SETTINGS: &str = "settings.json";
/// Nothing longer is read. The longest that is written, after edits of edits in the longest words, has half of it.
const MAX_SETTINGS_BYTES: u64 = 8 << 20;
/// Results before this one that are told of: the file grows with each, and a reader of JSON goes only so deep.
const MAX_ANCESTORS: usize = 64;

/// The content of `settings.json`: nothing in it depends on the hour.
#[derive(Serialize)]
struct Record<'a> {
    duet: &'static str,
    request: &'a Made,
    #[serde(flatten)]
    means: &'a Means,
    #[serde(skip_serializing_if = "Option::is_none")]
    motion: Option<&'a str>,
    files: &'a [String],
    /// What `duet edit` starts from: for each sample its ids, little-endian, in base64; empty where there are none.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    tokens: &'a [String],
}

/// A body for `POST /generate`, and of an edit what was done to what.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[allow(missing_docs)] // As in `GenerateRequest`.
pub struct Made {
    pub model: String,
    pub prompt: String,
    #[serde(flatten)]
    pub settings: Settings,
    /// Of an edit, what was done, as `POST /edit` answers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edit: Option<Value>,
    /// Of an edit, what made the motion that was edited, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Box<Made>>,
}

impl Made {
    /// What a generation writes.
    pub fn generation(model: &str, request: &GenerateRequest) -> Self {
        Self {
            model: model.to_owned(),
            prompt: request.prompt.clone(),
            settings: request.into(),
            edit: None,
            parent: None,
        }
    }

    /// The same with its history. The oldest part of a long one is let go, so that the file can be read again.
    #[must_use]
    pub fn after(mut self, parent: Option<Self>) -> Self {
        self.parent = parent.map(Box::new);
        self.forget_beyond(MAX_ANCESTORS);
        self
    }

    /// Whether all numbers are some: JSON has no others, but 1e39 is none in an f32.
    fn is_finite(&self) -> bool {
        let Settings { guidance, temperature, memory, top_k_ratio, .. } = self.settings;
        let own = guidance.is_finite() && temperature.is_finite() && top_k_ratio.is_finite();
        own && memory.is_none_or(f32::is_finite) && self.parent.as_deref().is_none_or(Self::is_finite)
    }

    fn forget_beyond(&mut self, ancestors: usize) {
        let mut oldest = self;
        for _ in 0..ancestors {
            let Some(parent) = oldest.parent.as_deref_mut() else { return };
            oldest = parent;
        }
        oldest.parent = None;
    }

    /// InterMask's name for results: `infer_<model>_ts<steps>_cs<guidance>_topkr<ratio>_<prompt, two digits>_`, to which the
    /// sample is added (InterMask spec §5). There is one prompt here. Edits are called `edit_<kind>_<model>_00_`.
    pub fn base(&self) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
        let model: String = self.model.chars().map(plain).collect();
        let kind = self.edit.as_ref().and_then(|edit| edit["kind"].as_str());
        if let Some(kind) = kind {
            return format!("edit_{kind}_{model}_00_");
        }
        let Settings { steps, guidance, top_k_ratio, .. } = self.settings;
        format!("infer_{model}_ts{steps}_cs{guidance}_topkr{top_k_ratio}_00_")
    }
}

/// What decides a result beside the request: two models of one name need not have the same weights.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Means {
    /// `None` where an older version did not note it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    precision: Option<Precision>,
    /// SHA-256 of each of the model's files; `None` where an older version did not note it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    weights: Option<Vec<String>>,
}

impl Means {
    /// One of the engine's models, in this process.
    pub fn of(engine: &Engine, model: &str) -> Self {
        let files = engine.models().find(|known| known.name == model).map(|known| known.files);
        let weights = files.iter().flat_map(|files| files.iter()).map(|file| file.sha256.clone()).collect();
        Self { precision: Some(precision::get()), weights: Some(weights) }
    }

    /// What needs no model's opinion.
    pub fn without_model() -> Self {
        Self { precision: Some(Precision::F32), weights: Some(Vec::new()) }
    }
}

/// As much of a `settings.json` as can be relied on.
#[derive(Debug, Deserialize)]
pub struct Kept {
    request: Value,
    #[serde(flatten)]
    means: Means,
    #[serde(default)]
    motion: Option<String>,
    files: Vec<String>,
    #[serde(default)]
    tokens: Vec<String>,
}

impl Kept {
    /// The settings file of a folder, where there is one that can be read.
    pub fn read(folder: &Path) -> Option<Self> {
        let path = folder.join(SETTINGS);
        let size = std::fs::metadata(&path).ok()?.len();
        let text = (size <= MAX_SETTINGS_BYTES).then(|| std::fs::read(&path).ok())??;
        serde_json::from_slice(&text).ok()
    }

    /// What made the result; `None` where another version of this program wrote it in other words.
    pub fn made(&self) -> Option<Made> {
        serde_json::from_value(self.request.clone()).ok().filter(Made::is_finite)
    }

    /// Whether it was asked for in the same words.
    pub fn is_request(&self, made: &Made) -> bool {
        // As it would be read again: in memory an f32 has other digits than in the file.
        let read = |text: Vec<u8>| serde_json::from_slice::<Value>(&text);
        serde_json::to_vec(made).and_then(read).is_ok_and(|made| made == self.request)
    }

    /// The digest of its motion if it was made by these means. What an older version did not note is not known to be the same.
    pub fn motion_by(&self, means: &Means) -> Option<&str> {
        self.motion.as_deref().filter(|_| self.means == *means)
    }

    /// Whether a file of this SHA-256 is among the weights that it was made by.
    pub fn is_by_weights(&self, sha256: &str) -> bool {
        self.means.weights.iter().flatten().any(|weights| weights == sha256)
    }

    /// Whether it says all that tells it from any other result.
    pub fn is_told(&self) -> bool {
        self.motion.is_some() && self.means.precision.is_some() && self.means.weights.is_some()
    }

    /// Names of the result's files. Only plain names of the kinds we write: whatever the file says, nothing outside the
    /// folder is touched.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        let is_ours = |name: &str| {
            let of_a_format = |format: &Format| {
                name.strip_suffix(format.extension()).is_some_and(|stem| stem.ends_with('.'))
            };
            Format::ALL.iter().any(of_a_format) && !name.contains(['/', '\\', ':'])
        };
        self.files.iter().map(String::as_str).filter(move |name| is_ours(name))
    }

    /// The settings file of the same result with `more` files.
    ///
    /// # Errors
    /// Only internal ones.
    pub fn with_files(&self, more: &[String]) -> Result<Option<Named>> {
        let Some(made) = self.made() else { return Ok(None) };
        let mut files: Vec<String> = self.files().map(str::to_owned).collect();
        files.extend(more.iter().cloned());
        record(&made, &self.means, self.motion.as_deref(), files, &self.tokens).map(Some)
    }

    /// The tokens of a sample, where they were kept.
    pub fn tokens(&self, sample: usize) -> Option<Tokens> {
        let bytes = STANDARD.decode(self.tokens.get(sample)?).ok()?;
        let (ids, rest) = bytes.as_chunks::<4>();
        rest.is_empty().then(|| Tokens::new(ids.iter().map(|id| u32::from_le_bytes(*id)).collect()))?
    }
}

/// The tokens of all samples, as the file has them.
pub fn packed(finished: &Finished) -> Vec<String> {
    let of_sample = |tokens: Option<&Tokens>| {
        let bytes: Vec<u8> = tokens.iter().flat_map(|t| t.ids()).flat_map(|id| id.to_le_bytes()).collect();
        STANDARD.encode(bytes)
    };
    let packed: Vec<String> =
        finished.generated.samples.iter().map(|sample| of_sample(sample.tokens.as_ref())).collect();
    if packed.iter().all(String::is_empty) { Vec::new() } else { packed }
}

/// SHA-256 over the keypoint files of all samples, written or not: what no two results have in common.
///
/// # Errors
/// Only internal ones.
pub fn digest(finished: &Finished) -> Result<String> {
    let mut hash = HashingWriter::new(std::io::sink());
    for file in ResultFile::of(finished).filter(|file| file.format() == Format::Npy) {
        let bytes = file.bytes(finished)?;
        hash.write_all(&bytes).map_err(|error| {
            Error::internal("digest", "the motion's digest could not be computed").with_source(error)
        })?;
    }
    let (_, sha256, _) = hash.finish();
    Ok(sha256)
}

/// `settings.json`, its files each named once and in order.
///
/// # Errors
/// Only internal ones.
pub fn record(
    request: &Made,
    means: &Means,
    motion: Option<&str>,
    mut files: Vec<String>,
    tokens: &[String],
) -> Result<Named> {
    files.sort_unstable();
    files.dedup();
    let record = Record { duet: env!("CARGO_PKG_VERSION"), request, means, motion, files: &files, tokens };
    let mut text = serde_json::to_vec_pretty(&record)
        .map_err(|source| Error::internal("json", "the settings could not be written").with_source(source))?;
    text.push(b'\n');
    Ok((SETTINGS.to_owned(), text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::edit::MAX_STRETCHES;
    use crate::engine::fake;
    use proptest::prelude::*;

    fn generation() -> Made {
        Made::generation("fake", &fake::request("two people walk"))
    }

    fn ancestors(made: &Made) -> usize {
        std::iter::successors(Some(made), |made| made.parent.as_deref()).count() - 1
    }

    #[test]
    fn a_history_of_any_length_can_be_read_again() {
        let folder = tempfile::tempdir().unwrap();
        // The longest words there are, every letter of them four bytes.
        let words = "\u{1F483}".repeat(1000);
        let stretch = serde_json::json!({ "prompt": words, "frames": 16 });
        let edit = serde_json::json!({ "kind": "extend", "timeline": vec![stretch; MAX_STRETCHES] });
        let mut made = generation();
        for generations in 1..150 {
            let next = Made { prompt: words.clone(), edit: Some(edit.clone()), ..generation() };
            made = next.after(Some(made));
            assert_eq!(ancestors(&made), generations.min(MAX_ANCESTORS));
        }
        let (name, text) = record(&made, &Means::without_model(), Some("ab"), Vec::new(), &[]).unwrap();
        assert!((text.len() as u64) < MAX_SETTINGS_BYTES / 2, "{} bytes", text.len());
        std::fs::write(folder.path().join(name), text).unwrap();
        let kept = Kept::read(folder.path()).unwrap();
        assert!(kept.is_request(&made) && kept.made().is_some_and(|made| ancestors(&made) == MAX_ANCESTORS));
    }

    #[test]
    fn the_same_words_are_known_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut made = generation();
        // No binary number is exactly any of these.
        (made.settings.guidance, made.settings.temperature, made.settings.top_k_ratio) = (1.1, 0.7, 0.3);
        made.edit = Some(serde_json::json!({ "kind": "move", "shift": [0.1 + 0.2, -1e-7] }));
        let means = Means::without_model();
        let (name, text) = record(&made, &means, Some("ab"), Vec::new(), &[]).unwrap();
        std::fs::write(folder.path().join(name), text).unwrap();
        let kept = Kept::read(folder.path()).unwrap();
        assert!(kept.is_request(&made) && kept.is_told());
        assert_eq!(kept.motion_by(&means), Some("ab"));
        assert_eq!(kept.motion_by(&Means { precision: Some(Precision::Bf16), ..means.clone() }), None);
        assert_eq!(kept.motion_by(&Means { weights: Some(vec!["cd".into()]), ..means.clone() }), None);
        assert!(!kept.is_request(&Made { prompt: "two people run".into(), ..made }));
        // More files later, and all else stays.
        let (name, text) = kept.with_files(&["a.glb".into()]).unwrap().unwrap();
        std::fs::write(folder.path().join(name), text).unwrap();
        assert_eq!(Kept::read(folder.path()).unwrap().motion_by(&means), Some("ab"));
    }

    #[test]
    fn a_number_that_is_none_here_made_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let made = generation().after(Some(generation()));
        let (name, text) = record(&made, &Means::without_model(), None, vec![], &[]).unwrap();
        let text = String::from_utf8(text).unwrap();
        let guidance = format!("\"guidance\":{}", serde_json::to_string(&made.settings.guidance).unwrap());
        let plain: String = text.split_whitespace().collect();
        assert_eq!(plain.matches(&guidance).count(), 2, "{plain}");
        for (at, _) in plain.match_indices(&guidance) {
            let huge = format!("{}\"guidance\":1e39{}", &plain[..at], &plain[at + guidance.len()..]);
            std::fs::write(folder.path().join(&name), huge).unwrap();
            assert!(Kept::read(folder.path()).unwrap().made().is_none());
        }
    }

    #[test]
    fn what_an_older_version_did_not_note_is_not_known() {
        let request = serde_json::to_value(generation()).unwrap();
        let older = serde_json::json!({ "duet": "0.1.0", "request": request, "files": ["a.npy"] });
        let kept: Kept = serde_json::from_value(older).unwrap();
        assert!(kept.is_request(&generation()) && !kept.is_told() && kept.made().is_some());
        assert_eq!(kept.motion_by(&Means::without_model()), None);
        assert_eq!(kept.files().collect::<Vec<_>>(), ["a.npy"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn whatever_a_file_says_its_files_lie_beside_it(
            noise in prop::collection::vec(any::<u8>(), 0..300),
            new in prop::collection::vec(any::<u8>(), 0..6),
            (at, end) in any::<(prop::sample::Index, prop::sample::Index)>(),
        ) {
            let files = ["a.npy", "a.glb", "../b.npy"].map(str::to_owned).to_vec();
            let tokens = STANDARD.encode([7u8, 0, 0, 0].repeat(10));
            let means = Means::without_model();
            let (_, whole) = record(&generation(), &means, Some("ab"), files, &[tokens]).unwrap();
            let mut damaged = whole.clone();
            let at = at.index(damaged.len());
            damaged.splice(at..(at + new.len()).min(damaged.len()), new);
            let folder = tempfile::tempdir().unwrap();
            for bytes in [&noise[..], &damaged, &whole[..end.index(whole.len())], &whole] {
                std::fs::write(folder.path().join(SETTINGS), bytes).unwrap();
                let Some(kept) = Kept::read(folder.path()) else {
                    prop_assert!(bytes != whole, "what was written can be read");
                    continue;
                };
                let is_plain = |name: &str| Path::new(name).file_name().is_some_and(|own| own == name);
                prop_assert!(kept.files().all(is_plain));
                let _ = (kept.made().map(|made| made.base()), kept.is_request(&generation()), kept.is_told());
                prop_assert!(kept.tokens(0).is_none_or(|tokens| tokens.length() > 0));
                if let Some((_, text)) = kept.with_files(&["more.bvh".into()]).unwrap() {
                    let again: Kept = serde_json::from_slice(&text).unwrap();
                    prop_assert!(again.files().any(|name| name == "more.bvh"));
                }
            }
        }
    }
}
