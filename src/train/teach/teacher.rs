//! The sentence model that teaches: all-MiniLM-L6-v2 (Reimers & Gurevych 2019; Wang et al. 2020), Apache-2.0.

use crate::error::{Error, Result};
use crate::package::digest::sha256;
use candle_core::{D, DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config, HiddenAct};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use tokenizers::Tokenizer;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;

/// SHA-256 of its weights.
const DIGEST: &str = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db";
/// Channels of its sentence vectors.
pub const WIDTH: usize = 384;
/// Word pieces that it knows.
const VOCABULARY: usize = 30_522;
/// Bytes of its weights that are read; it has 91 MB, and what is longer has another digest anyway.
const MAX_WEIGHTS: u64 = 128 << 20;
/// Bytes of `tokenizer.json` and `config.json` that are read; they have less than 1 MB.
const MAX_TEXT: u64 = 8 << 20;
/// Word pieces that one batch holds at most, so that short texts go in many at a time.
const PIECES: usize = 2048;
/// Word pieces of a text that are read.
const LONGEST: usize = 96;

/// What is wrong with a file of it.
type Damage = Box<dyn std::error::Error + Send + Sync>;

/// The model and its tokenizer.
pub struct Teacher {
    model: BertModel,
    words: Words,
    device: Device,
}

impl Teacher {
    /// From a folder with `model.safetensors`, `tokenizer.json` and `config.json`.
    ///
    /// # Errors
    /// `teacher_digest` for weights other than the published ones, `teacher_files` for unreadable ones, or from the disk.
    pub fn open(folder: &Path, device: &Device) -> Result<Self> {
        let read = |name: &str, most: u64| -> Result<Vec<u8>> {
            let path = folder.join(name);
            let mut bytes = Vec::new();
            File::open(&path)
                .and_then(|file| file.take(most).read_to_end(&mut bytes))
                .map_err(|e| Error::io("read", &path, e))?;
            Ok(bytes)
        };
        let weights = read("model.safetensors", MAX_WEIGHTS)?;
        let found = sha256(weights.as_slice()).map_err(|e| Error::io("read", folder, e))?;
        if found != DIGEST {
            let message = format!("{} does not hold the weights of all-MiniLM-L6-v2", folder.display());
            return Err(Error::corrupt("teacher_digest", message));
        }
        let damaged = |name: &str| {
            Error::corrupt("teacher_files", format!("{}/{name} cannot be used", folder.display()))
        };
        let config =
            settings(&read("config.json", MAX_TEXT)?).map_err(|e| damaged("config.json").with_source(e))?;
        let words = Words::from_bytes(&read("tokenizer.json", MAX_TEXT)?)
            .map_err(|e| damaged("tokenizer.json").with_source(e))?;
        let vb = VarBuilder::from_buffered_safetensors(weights, DType::F32, device)?;
        Ok(Self { model: BertModel::load(vb, &config)?, words, device: device.clone() })
    }

    /// Sentence vectors (N, 384) of unit length, in the order of `texts`. `told` hears how many are done.
    ///
    /// # Errors
    /// `teacher_text` for a text that its tokenizer refuses, `teacher_files` for word pieces that it should not have.
    pub fn embed(&self, texts: &[String], mut told: impl FnMut(usize)) -> Result<Tensor> {
        let mut rows: Vec<(usize, Vec<u32>)> = texts
            .iter()
            .enumerate()
            .map(|(at, text)| self.words.pieces(text).map(|ids| (at, ids)))
            .collect::<Result<_>>()?;
        rows.sort_by_key(|(_, ids)| ids.len());
        let mut vectors = vec![0f32; texts.len() * WIDTH];
        let mut done = 0;
        for group in rows.chunk_by(|a, b| a.1.len() == b.1.len()) {
            let pieces = group[0].1.len().max(1);
            for batch in group.chunks((PIECES / pieces).max(1)) {
                let flat: Vec<u32> = batch.iter().flat_map(|(_, ids)| ids).copied().collect();
                let ids = Tensor::from_vec(flat, (batch.len(), pieces), &self.device)?;
                let hidden = self.model.forward(&ids, &ids.zeros_like()?, None)?;
                let values = unit(&hidden.mean(1)?)?.flatten_all()?.to_vec1::<f32>()?;
                for ((at, _), vector) in batch.iter().zip(values.chunks_exact(WIDTH)) {
                    vectors[at * WIDTH..][..WIDTH].copy_from_slice(vector);
                }
                done += batch.len();
                told(done);
            }
        }
        Ok(Tensor::from_vec(vectors, (texts.len(), WIDTH), &self.device)?)
    }
}

/// The settings in `text`, where they are those that the published weights were made with. With other heads or fewer layers
/// these would load as well and be another model, and no heads at all are a division by zero in the library.
fn settings(text: &[u8]) -> std::result::Result<Config, Damage> {
    let config: Config = serde_json::from_slice(text)?;
    let published = Config {
        vocab_size: VOCABULARY,
        hidden_size: WIDTH,
        num_hidden_layers: 6,
        num_attention_heads: 12,
        intermediate_size: 1536,
        hidden_act: HiddenAct::Gelu,
        max_position_embeddings: 512,
        type_vocab_size: 2,
        layer_norm_eps: 1e-12,
        // The rest is nothing to who only reads sentences.
        ..config.clone()
    };
    if config != published {
        return Err("its settings are not those that the published weights were made with".into());
    }
    Ok(config)
}

/// What is read of `tokenizer.json`.
#[derive(Deserialize)]
struct WordFile {
    model: WordList,
}

/// Word pieces and their ids.
#[derive(Deserialize)]
struct WordList {
    vocab: BTreeMap<String, u32>,
}

/// Its tokenizer.
struct Words {
    tokenizer: Tokenizer,
    /// The pieces before and after a text.
    marks: [u32; 2],
}

impl Words {
    fn from_bytes(bytes: &[u8]) -> std::result::Result<Self, Damage> {
        // Only the word list is the file's: the library panics at some pipelines that a file may describe, and this model's is known.
        let file: WordFile = serde_json::from_slice(bytes)?;
        let mark =
            |name: &str| file.model.vocab.get(name).copied().ok_or_else(|| format!("it has no {name}"));
        let marks = [mark("[CLS]")?, mark("[SEP]")?];
        let model = serde_json::json!({
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": file.model.vocab,
        });
        let pieces: WordPiece = serde_json::from_str(&model.to_string())?;
        let mut tokenizer = Tokenizer::new(pieces);
        tokenizer.with_normalizer(Some(BertNormalizer::new(true, true, None, true)))?;
        tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
        Ok(Self { tokenizer, marks })
    }

    /// The word pieces of a text, between the marks.
    fn pieces(&self, text: &str) -> Result<Vec<u32>> {
        let encoded = self.tokenizer.encode_fast(text, false);
        let encoded = encoded.map_err(|e| Error::invalid("teacher_text", e.to_string()))?;
        let [before, after] = self.marks;
        let mut ids = [&[before][..], encoded.get_ids(), &[after]].concat();
        ids.truncate(LONGEST);
        // On a GPU a piece that there is not would be the end of the whole program.
        if ids.iter().any(|id| *id as usize >= VOCABULARY) {
            let message = "tokenizer.json has word pieces that all-MiniLM-L6-v2 does not know";
            return Err(Error::corrupt("teacher_files", message));
        }
        Ok(ids)
    }
}

/// Rows (N, d) brought to unit length. Differentiable.
pub fn unit(rows: &Tensor) -> candle_core::Result<Tensor> {
    let norm = (rows.sqr()?.sum_keepdim(D::Minus1)? + 1e-12)?.sqrt()?;
    rows.broadcast_div(&norm)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    /// As published, without what says nothing of the model.
    const SETTINGS: &str = r#"{"hidden_act":"gelu","hidden_dropout_prob":0.1,"hidden_size":384,"initializer_range":0.02,
        "intermediate_size":1536,"layer_norm_eps":1e-12,"max_position_embeddings":512,"model_type":"bert",
        "num_attention_heads":12,"num_hidden_layers":6,"pad_token_id":0,"type_vocab_size":2,"vocab_size":30522}"#;
    /// Its numbers that say how large the model is.
    const SIZES: &[&str] = &[
        "hidden_size",
        "intermediate_size",
        "max_position_embeddings",
        "num_attention_heads",
        "num_hidden_layers",
        "type_vocab_size",
        "vocab_size",
    ];
    /// A tokenizer that knows one word.
    const WORDS: &str = r#"{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":null,
        "pre_tokenizer":{"type":"WhitespaceSplit"},"post_processor":null,"decoder":null,"model":{"type":"WordLevel",
        "vocab":{"[UNK]":100,"[CLS]":101,"[SEP]":102,"walk":3328},"unk_token":"[UNK]"}}"#;

    /// `text` with `new` written over a place of it.
    fn damaged(text: &str, at: prop::sample::Index, new: Vec<u8>) -> Vec<u8> {
        let mut bytes = text.as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes.splice(at..(at + new.len()).min(bytes.len()), new);
        bytes
    }

    proptest! {
        #[test]
        fn settings_are_the_published_ones_or_refused(
            noise in prop::collection::vec(any::<u8>(), 0..200),
            new in prop::collection::vec(any::<u8>(), 0..6),
            (at, end) in any::<(prop::sample::Index, prop::sample::Index)>(),
        ) {
            let cut = &SETTINGS.as_bytes()[..end.index(SETTINGS.len())];
            for bytes in [&noise[..], &damaged(SETTINGS, at, new), cut] {
                if let Ok(config) = settings(bytes) {
                    prop_assert_eq!((config.num_attention_heads, config.num_hidden_layers), (12, 6));
                    prop_assert_eq!((config.hidden_size, config.intermediate_size), (WIDTH, 1536));
                    prop_assert_eq!((config.vocab_size, config.max_position_embeddings), (VOCABULARY, 512));
                }
            }
            prop_assert!(settings(cut).is_err());
        }

        #[test]
        fn a_model_of_another_size_is_refused(
            name in prop::sample::select(SIZES), size in prop_oneof![0..40u64, any::<u64>()],
        ) {
            let mut told: Value = serde_json::from_str(SETTINGS).unwrap();
            let is_published = told[name] == json!(size);
            told[name] = json!(size);
            prop_assert_eq!(settings(told.to_string().as_bytes()).is_ok(), is_published);
        }

        #[test]
        fn no_piece_of_a_text_lies_beyond_the_vocabulary(
            noise in prop::collection::vec(any::<u8>(), 0..200),
            new in prop::collection::vec(any::<u8>(), 0..6),
            at in any::<prop::sample::Index>(),
            piece in prop_oneof![0..40_000u32, any::<u32>()],
            text in "\\PC{0,30}|(walk ){0,120}",
        ) {
            let other = WORDS.replace("3328", &piece.to_string());
            for bytes in [&noise[..], &damaged(WORDS, at, new), other.as_bytes()] {
                let Ok(words) = Words::from_bytes(bytes) else { continue };
                match words.pieces(&text) {
                    Ok(ids) => {
                        prop_assert!((2..=LONGEST).contains(&ids.len()));
                        prop_assert!(ids.iter().all(|id| (*id as usize) < VOCABULARY));
                    }
                    Err(error) => {
                        prop_assert!(matches!(error.code(), "teacher_files" | "teacher_text"), "{error}");
                    }
                }
            }
        }

        #[test]
        fn weights_of_any_other_bytes_are_refused(noise in prop::collection::vec(any::<u8>(), 0..200)) {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("model.safetensors"), noise).unwrap();
            let refused = Teacher::open(folder.path(), &Device::Cpu).err();
            prop_assert_eq!(refused.map(|error| error.code()), Some("teacher_digest"));
        }
    }

    #[test]
    fn settings_of_another_model_are_refused() {
        settings(SETTINGS.as_bytes()).unwrap();
        for (from, to) in [
            ("\"num_attention_heads\":12", "\"num_attention_heads\":0"),
            ("\"num_hidden_layers\":6", "\"num_hidden_layers\":-6"),
            ("384", "384.0"),
            ("gelu", "relu"),
            ("1e-12", "-1"),
            ("1e-12", "1e999"),
            ("\"type_vocab_size\":2,", ""),
        ] {
            let text = SETTINGS.replace(from, to);
            assert_ne!(text, SETTINGS, "{from}");
            assert!(settings(text.as_bytes()).is_err(), "{to}");
        }
    }

    #[test]
    fn a_text_stands_between_its_marks_whatever_the_file_wants_around_it() {
        let pieces = |text: &str| Words::from_bytes(text.as_bytes()).unwrap().pieces("walk on").unwrap();
        assert_eq!(pieces(WORDS), [101, 3328, 100, 102]);
        // The library takes it for granted that there are such a mark and such a text, and panics.
        for piece in
            [r#"{"SpecialToken":{"id":"[GONE]","type_id":0}}"#, r#"{"Sequence":{"id":"B","type_id":0}}"#]
        {
            let around = format!(
                r#""post_processor":{{"type":"TemplateProcessing","single":[{piece}],"pair":[{piece}],"special_tokens":{{}}}}"#
            );
            let text = WORDS.replace("\"post_processor\":null", &around);
            assert_ne!(text, WORDS);
            assert_eq!(pieces(&text), [101, 3328, 100, 102], "{piece}");
        }
        assert!(Words::from_bytes(WORDS.replace("[SEP]", "[END]").as_bytes()).is_err());
    }

    #[test]
    fn other_weights_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let missing = Teacher::open(folder.path(), &Device::Cpu).err().unwrap();
        assert_eq!(missing.code(), "file_not_found");
        std::fs::write(folder.path().join("model.safetensors"), b"something else").unwrap();
        let other = Teacher::open(folder.path(), &Device::Cpu).err().unwrap();
        assert_eq!(other.code(), "teacher_digest");
    }

    /// Needs the weights, which are not ours to carry: DUET_TEACHER names their folder.
    #[test]
    fn sentences_that_mean_the_same_lie_close() {
        let Some(folder) = std::env::var_os("DUET_TEACHER") else { return };
        let teacher = Teacher::open(Path::new(&folder), &Device::Cpu).unwrap();
        let texts = ["one person hugs the other", "they embrace each other", "two people box"];
        let v = teacher.embed(&texts.map(str::to_owned), |_| ()).unwrap();
        let s = v.matmul(&v.t().unwrap()).unwrap().to_vec2::<f32>().unwrap();
        // The reference implementation says 0.605 and 0.320.
        assert!((s[0][1] - 0.605).abs() < 2e-3 && (s[0][2] - 0.320).abs() < 2e-3, "{s:?}");
    }
}
